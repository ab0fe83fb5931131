"""The Compare tab of TensorBoard: mean and spread over seeds, for our studies and other logs.

`plugin.py` answers the page's requests, `_shelf.py` keeps what it found until the log has grown,
`_under_way.py` reads the curves of runs that have not ended, and `static/` is the page: small
modules of JavaScript and a style sheet, nothing that is built. It draws the figures of
`tuning/figures` with the JavaScript of the installed plotly.
"""
