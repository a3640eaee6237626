"""How many pictures per second a feature looks at."""

from __future__ import annotations

from fractions import Fraction

from giblet.errors import ParameterError
from giblet.features.asking import FeatureRequest
from giblet.features.streams import FeatureContext
from giblet.timeline import exact


def asked_rate(request: FeatureRequest, context: FeatureContext) -> Fraction:
    """Return the pictures per second that a request's option ``rate`` asks for; 0 stands for the film's own.

    Raises
    ------
    ParameterError
        If the rate is negative, or it is the film's and the film has none.
    """
    rate = exact(request.option("rate"), f"the rate of {request.feature.name}")
    if rate < 0:
        raise ParameterError(
            f"{request.feature.name} was given a rate of {float(rate):g} pictures per second",
            "give one above 0, or 0 for the film's own",
        )
    return rate or film_rate(request, context)


def film_rate(request: FeatureRequest, context: FeatureContext) -> Fraction:
    """Return the nominal pictures per second of the film.

    Raises
    ------
    ParameterError
        If there is no film.
    """
    if context.picture_rate is None:
        raise ParameterError(
            f"{request.feature.name} needs pictures and there are none", "give a film, or leave it out"
        )
    return context.picture_rate
