"""Evaluation of vision-language models: planned. This release of the project holds no code here.

It will measure hallucination, attributes, counting and spatial relations, common sense,
harmlessness and helpfulness, item by item, so that what fails can be mined and the factory told
what to make.
"""
