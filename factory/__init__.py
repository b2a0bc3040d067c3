"""The factory: a recipe in, a release of verified counterfactual rows out.

    recipe.yaml
       | recipe.py     load, extend, check, fingerprint
       v
    sources/  -->  ops/  -->  checks/  -->  run/  -->  release/
    Sample         propose    locality      ledger     views, manifest, card
                   mask       presence      segments
                   edit       swap          workers
                   diff       duplicate
                   caption

    world/   a small drawn world whose truth is known; it stands in for photographs that can be downloaded

A build in code, as the command line does it:

    from counterfactory.factory.recipe import resolve
    from counterfactory.factory.run import build

    result = build(resolve("region-diff", ["source.n=500"]), Path("out/region-diff"), workers=2)

An op or a check never sees the world's truth: it sees an image, its annotations and nothing else.
"""
