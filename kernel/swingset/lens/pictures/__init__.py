"""Pictures of a world, of a cause, of costs over time and of a proposal, as SVG.

Stands on `source`, `history`, `watching` and `present`, which say what is drawn. The layout is computed from
that alone, so the same world has the same bytes.

It never puts a script or the markup of a stranger into a picture.
"""
