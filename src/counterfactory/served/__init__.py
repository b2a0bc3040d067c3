"""Models behind OpenAI-compatible servers: vLLM, SGLang, `transformers serve`, llama.cpp.

    Chat("openai:http://localhost:8000/v1#qwen2.5-vl").ask("Is it safe?", images=[picture])

`chat.py` sends one request and tries again, `many.py` sends many at once.

`transformers serve` samples only when the model's own generation_config.json says do_sample: true;
without it every temperature is answered greedily, and without a word.
"""

from counterfactory.served.chat import Chat, Refused, ServerError, Unreachable
from counterfactory.served.messages import Picture, Request, Said, data_url

__all__ = [
    "Chat",
    "Picture",
    "Refused",
    "Request",
    "Said",
    "ServerError",
    "Unreachable",
    "data_url",
]
