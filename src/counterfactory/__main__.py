"""`python -m counterfactory` is the command `counterfactory`."""

import sys

from counterfactory.cli import main

sys.exit(main())
