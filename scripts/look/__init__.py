"""Look at what is there: `show` one row with its surroundings, `explain` a rule, `diff` two states of the package."""
