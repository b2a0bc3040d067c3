"""The pocket world: a small place where every label is known because we drew it.

    scene_at("biased", "train", 0, 17) -> Scene -> render(scene) -> 128 x 128 pixels
                                              `-> thing_masks(scene), captions, questions, answers, rationales

    scene.py     what is there: kinds, colours, sizes, places, relations; the three distributions; the splits
    render.py    scene -> picture and exact masks
    language.py  scene -> captions;  questions.py: scene -> questions, answers, rationales
    tasks/       one task a file; questions.py draws from them
    requests.py  harmful requests with benign twins, as templates; signs.py: what makes a place private
    oracle.py    scores finished releases against the truth; nothing else may know it

Only sources/world.py (annotated biased scenes) and the oracle report read this package: ops and
checks may not.
"""
