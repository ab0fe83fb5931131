"""Model families: one file each.

Contract of every public module here, and of a user's own family:

    def build(input_shape, num_classes, *, <hyperparameters with literal defaults>) -> keras.Model

Pure: the same arguments give the same graph; no training, no compiling, no files, no globals.
The keyword arguments *are* the family's hyperparameters. The model maps images, float32
(batch, height, width, channels) in [0, 1], to probabilities, float32 (batch, num_classes). Its
last two layers are a float32 `Dense` named `logits` and an `Activation` named `probabilities`
(trainers train on the logits). It uses Keras' own layers and `keras.ops` only, every layer has a
name, and no layer carries a fixed seed. A network that does not fit `input_shape` raises
ValueError. `PRESETS`, where a paper gives some: preset name -> hyperparameters, a literal.
`PRETRAINED`, where keras.applications has weights for some of these: the order of colours they
were trained in, "bgr" or "rgb"; `preprocessing="imagenet"` makes of images what they were trained
on but for that, in layers whose names begin with "preprocess_".
"""
