"""How the pocket models are made: from scratch, on biased scenes of the pocket world, seeded and resumable.

pretrain.py   what `counterfactory pocket pretrain NAME` runs: train, measure, write folder and card
common.py     the training loop of all three;  augment.py: what happens to pictures on their way
clip.py       an open_clip model          clip_data, clip_words, clip_quality
sam.py        a segment-anything model    sam_quality
inpaint.py    a diffusers pipeline        crops, inpaint_quality
card.py       README.md of each, from measured numbers and nothing else
"""
