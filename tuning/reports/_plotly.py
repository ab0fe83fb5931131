"""plotly's own JavaScript, as it can stand within a page."""

from tuning import plotly_script


def script() -> str:
    """Returns the script.

    Raises:
        ValueError: If plotly is not installed, or without its script.
    """
    # In a string of JavaScript `\/` is `/`: within a page it must not end the script.
    return plotly_script.read().replace("</script", "<\\/script").replace("<!--", "<\\!--")
