"""What to make, as data: one YAML file a recipe, validated and never executed.

    counterfactory recipe list
    counterfactory recipe show region-diff
    counterfactory build region-diff --out out/region-diff --set source.n=500

A recipe of your own starts with `extends: region-diff` and names only what differs.
"""
