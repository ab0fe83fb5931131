"""Explainers: what a trained network looks at and has learned, one file each.

Contract of every public module here:

    OF = "<what>"           a literal: what is explained
                            "network"  the network alone
                            "images"   what it makes of the images given
                            "part"     how it does on all images of a part, with their labels
    SHOWN = "<how>"         a literal: what the arrays are, and so how they are drawn
                            "maps"     one array, float32 (n, height, width): one map an image
                            "images"   (count, height, width, channels), in [0, 1]
                            "weights"  the same, of either sign
                            "features" the same, every channel a picture of its own
                            "counts"   (rows, columns)

    def explain(model, images, classes, *, ...) -> (arrays, numbers)

`model` is a `keras.Model` from images to probabilities, the layer `logits` before them; `images`
are float32 (n, height, width, channels) in [0, 1]. `classes`, int (n,), are those to be explained,
and with "part" the labels. What is after `*` has literal defaults; `layer` ("": the explainer's own
choice), `unit` (-1: all of them) and `seed` are what a user may choose. `arrays` maps a name, of a
layer where there are several, to an array; `numbers` is a JSON-able mapping, with what was looked
at and how well it went. Explainers are pure: the same arguments, the same answer, the network as it
was. They work with Keras under TensorFlow and JAX; `_gradients.py` alone knows these.

    def check(model, *, ...) -> None    optional

raises ValueError in one line if the network has not what the explainer needs: before it is trained.
"""
