"""``giblet features``: what can be extracted."""

from __future__ import annotations

import json

import typer

from giblet.cli.options import Json


def command(as_json: Json = False) -> None:
    """List all features: what each is, its kind, rows per second, columns, options, and the extra that it needs.

    Write options after the name, as in audio.power@rate=50, and the parts in capitals after colons, as in
    audio.hf:openai/whisper-tiny:4. A feature of plug-ins stands at the end.
    """
    from giblet.features import known_features

    features = known_features().values()
    if as_json:
        typer.echo(
            json.dumps(
                [
                    {
                        "name": feature.pattern,
                        "kind": feature.kind,
                        "source": feature.source,
                        "rate": feature.rate,
                        "dim": feature.dim,
                        "summary": feature.summary,
                        "options": dict(feature.options),
                        "extra": feature.extra,
                    }
                    for feature in features
                ]
            )
        )
        return
    width = max(len(feature.pattern) for feature in features)
    for feature in features:
        needs = "" if feature.extra is None else f", needs giblet[{feature.extra}]"
        options = " ".join(f"@{name}={_plain(value)}" for name, value in feature.options.items() if value != "")
        typer.echo(f"{feature.pattern:{width}}  {feature.kind}, {feature.rate}, columns: {feature.dim}{needs}")
        typer.echo(f"{'':{width}}  {feature.summary}{f'; {options}' if options else ''}")


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
