"""lm-eval's model class `counterfactory`: images in generation and likelihoods, nothing asked twice.

    python -m counterfactory.eval.lm run --model counterfactory --model_args pretrained=pocket \\
        --include_path eval/tasks/pocket --tasks cf_pocket_count_balanced --apply_chat_template

    import counterfactory.eval.lm                     # registers the class for lm_eval.simple_evaluate
    lm_eval.simple_evaluate(model="counterfactory", model_args={"pretrained": "pocket"}, ...)

It answers with the same models and the same store of replies as `counterfactory eval run`: pocket,
a folder, a Hub id, openai:URL#model. Under accelerate each process answers its documents.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from lm_eval.api.model import LM
from lm_eval.api.registry import register_model

from counterfactory.errors import UserError
from counterfactory.eval.answerers import BATCH, Lazy, answerer_for
from counterfactory.eval.asking import Ask, Reply, in_order
from counterfactory.eval.crew import crew_of
from counterfactory.eval.store import Remembering, store_for
from counterfactory.fingerprint import digest, seed_for

MARK = "<image>"  # where lm-eval's tasks put an image
MAX_TOKENS = 256  # when a task does not say
CHUNK = 512


@register_model("counterfactory")
class CounterfactoryLM(LM):
    """A model of `counterfactory eval` under lm-eval."""

    MULTIMODAL = True

    def __init__(
        self,
        pretrained: str,
        batch_size: int | str = BATCH,
        device: str | None = None,
        fresh: bool = False,
        seed: int = 0,
        max_batch_size: int | None = None,
        **served: Any,
    ) -> None:
        """`pretrained` is a MODEL of `counterfactory eval run`; `served` goes to `served.Chat`."""
        super().__init__()
        crew = crew_of()
        self._rank, self._world_size, self._crew = crew.rank, crew.world, crew
        batch = int(batch_size) if str(batch_size).isdecimal() else BATCH
        where = device or crew.device
        inner = answerer_for(pretrained, batch=batch, device=where, **served)
        store = None if inner.weights_hash == "dummy" else store_for(inner.identity())
        self.answerer = Remembering(inner, store, fresh=fresh)
        self.seed = seed
        self._contents: dict[str, list[dict[str, str]]] = {}  # rendered prompt -> its chat blocks

    @property
    def tokenizer_name(self) -> str:
        """Return what tells this model's prompts from others'."""
        return digest(self.answerer.identity())[:20]

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """Return the model's template where it is known; only its own can be used."""
        if isinstance(chat_template, str):
            raise UserError("--apply_chat_template: this model uses its own template, give no name")
        processor = self._processor()
        template = getattr(processor, "chat_template", None)
        return template if isinstance(template, str) else ""

    def apply_chat_template(
        self, chat_history: list[dict[str, Any]], add_generation_prompt: bool = True
    ) -> str:
        """Return the prompt in the model's own form; a served model's server renders it."""
        turns = [{**turn, "content": blocks_of(turn["content"])} for turn in chat_history]
        processor = self._processor()
        if processor is None:
            text = "\n\n".join(str(turn["content"]) for turn in chat_history)
        else:
            text = processor.apply_chat_template(
                turns, add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt, tokenize=False,
            )  # fmt: skip
        if len(turns) == 1 and add_generation_prompt:
            self._contents[text] = turns[0]["content"]
        return str(text)

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Answer with text."""
        seen: dict[str, int] = {}

        def asks() -> Iterator[Ask]:
            for request in requests:
                context, settings, *media = request.args
                number = seen[context] = seen.get(context, -1) + 1
                yield self._ask(context, media, **self._sampling(context, settings, number))

        found = []
        for request, reply in self._said(requests, asks()):
            text = cut(reply.text, request.args[1].get("until") or ())
            self.cache_hook.add_partial("generate_until", request.args, text)
            found.append(text)
        return found

    def loglikelihood(
        self, requests: Sequence[Any], disable_tqdm: bool = False
    ) -> list[tuple[float, bool]]:
        """Score continuations; those of one prompt run together."""
        asks = (self._ask(r.args[0], r.args[2:], choices=(r.args[1],)) for r in requests)
        found = []
        for request, reply in self._said(requests, asks):
            value = (reply.logps[0], bool(reply.greedy and reply.greedy[0]))
            self.cache_hook.add_partial("loglikelihood", request.args, value)
            found.append(value)
        return found

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> Any:
        """Refuse: perplexity of bare text is no question about images."""
        raise NotImplementedError("the counterfactory model scores answers, not bare text")

    def _said(self, requests: Sequence[Any], asks: Iterable[Ask]) -> Iterator[tuple[Any, Reply]]:
        """Yield each request with its reply, a chunk at a time so that few images are encoded."""
        pairs = zip(requests, asks, strict=True)
        while some := list(islice(pairs, CHUNK)):
            replies = in_order(self.answerer.stream([ask for _, ask in some]), len(some))
            for (request, _), reply in zip(some, replies, strict=True):
                if reply.error:
                    raise UserError(
                        f"task {request.task_name!r}, document {request.doc_id}: {reply.error}; "
                        "finished answers are kept"
                    )
                yield request, reply

    def _ask(self, context: str, media: Sequence[Any], **more: Any) -> Ask:
        visuals = media[0].get("visual", ()) if media else ()
        content = self._contents.get(context)
        if content is None:
            processor = self._processor()
            if processor is not None:
                image = processor.image_token
                text = context if image in context else context.replace(MARK, image)
                content = [
                    {"type": "prompt", "text": text or str(processor.tokenizer.bos_token or "")}
                ]
            else:
                content = blocks_of(context)
        return Ask(content=content, images=tuple(encoded(one) for one in visuals), **more)

    def _sampling(self, context: str, settings: dict[str, Any], number: int) -> dict[str, Any]:
        """Return the settings of lm-eval as those of an ask; repeats get seeds of their own."""
        most = settings.get("max_gen_toks") or settings.get("max_new_tokens") or MAX_TOKENS
        heat = float(settings.get("temperature") or 0.0)
        sampled = bool(settings.get("do_sample", heat > 0))
        more: dict[str, Any] = {"max_tokens": int(most)}
        if sampled:
            more |= {"temperature": heat or 1.0, "top_p": float(settings.get("top_p") or 1.0)}
            more["seed"] = seed_for(self.seed, "lm-eval", context, str(number))
        return more

    def _processor(self) -> Any:
        """Return a local model's processor; None for models that render their own prompts."""
        inner = self.answerer.inner
        return inner.inner.vlm.processor if isinstance(inner, Lazy) else None

    def get_model_info(self) -> dict[str, Any]:
        """Return what lm-eval notes of the model."""
        identity = self.answerer.identity()
        return {"model_sha": self.answerer.weights_hash, "model_dtype": identity.get("dtype", "")}

    def all_gather(self, tensor: Any) -> Any:
        """Return the tensors of all processes, one behind the other."""
        if self._world_size == 1:
            return tensor
        from accelerate.utils import gather

        return gather(tensor)

    def gather_object(self, obj: Any, dst: int = 0) -> list[Any] | None:
        """Return every process's object in process `dst`."""
        found = self._crew.together(obj)
        return found if self._rank == dst else None

    def barrier(self) -> None:
        """Wait for all processes."""
        self._crew.together(None)


def blocks_of(text: Any) -> list[dict[str, str]]:
    """Return a text of lm-eval as chat blocks, images where `<image>` stands.

    >>> blocks_of("<image>How many?")
    [{'type': 'image'}, {'type': 'text', 'text': 'How many?'}]
    """
    if not isinstance(text, str):
        return list(text)
    blocks: list[dict[str, str]] = []
    for number, part in enumerate(text.split(MARK)):
        if number:
            blocks.append({"type": "image"})
        if part:
            blocks.append({"type": "text", "text": part})
    return blocks


def cut(text: str, until: Sequence[str] | str) -> str:
    """Return a text up to the first of some strings.

    >>> cut("yes.\\nBecause", [".", ""])
    'yes'
    """
    for stop in [until] if isinstance(until, str) else until:
        if stop:
            text = text.split(stop)[0]
    return text


def encoded(image: Any) -> bytes:
    """Return a picture of lm-eval as PNG bytes, the same for the same pixels."""
    import numpy as np

    from counterfactory.images import png

    return image if isinstance(image, bytes) else png(np.asarray(image.convert("RGB")))


if __name__ == "__main__":
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()
