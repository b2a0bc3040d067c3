"""Training, one method a file, read from top to bottom.

    pocket/   how the small models inside the package are made (`counterfactory pocket pretrain NAME`)

Methods that train a vision-language model on a release are planned.
"""
