"""Search spaces: one file per family of `kerascnn/models`, of the same name.

Contract of every public module here:

    SPACE: Space

The names are keywords of the family's `build`, or training settings (`spec.CONFIGURABLE`). Each
value alone, with every other setting at its default, makes a network for images of 8x8 pixels and
up; every default is among the values, so that the baseline is a point of the space. A family
without a file here is searched over `_training.TRAINING`.
"""
