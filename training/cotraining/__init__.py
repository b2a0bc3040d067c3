"""The parts of co-training: one loss a file, and what they are computed from.

itc.py        images against captions, counterfactuals as hard negatives
synthesis.py  noise prediction of an inpainting UNet
rsc.py        reciprocal semantic consistency of what both see
sight.py      pooled vision and text features of any VLM       encoder.py  the same of an open_clip model
generator.py  the diffusion pipeline that is trained along     feed.py     rows to tensors, in a fixed order
together.py   all terms of one batch                           loop.py     steps, on one process or several
measure.py    what came of it, on held-out pictures
"""
