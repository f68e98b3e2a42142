"""What the package offers, found through the table in its ``__init__``.

Tests, documentation and checks go over these lists, so that a new method joins them by being made
public.
"""

import inspect

from sklearn.base import BaseEstimator

import skdeepcluster
from skdeepcluster.displays._display import Display


def _public_objects():
    """Pairs of full public name and object; those of subpackages keep their namespace."""
    for names in skdeepcluster._FILES.values():
        for name in names:
            yield name, getattr(skdeepcluster, name)
    for subpackage in skdeepcluster._SUBPACKAGES:
        module = getattr(skdeepcluster, subpackage)
        for name in module.__all__:
            yield f"{subpackage}.{name}", getattr(module, name)


def _subclasses(base):
    return sorted(
        (name, obj)
        for name, obj in _public_objects()
        if inspect.isclass(obj) and issubclass(obj, base)
    )


def all_estimators():
    """All public estimators.

    Returns
    -------
    estimators : list of (str, type)
        Sorted pairs of name below ``skdeepcluster`` and class.
    """
    return _subclasses(BaseEstimator)


def all_displays():
    """All public displays, as ``("displays.EmbeddingDisplay", class)``.

    Returns
    -------
    displays : list of (str, type)
    """
    return _subclasses(Display)


def all_views():
    """All public views of batches, as ``("views.ImageViews", class)``.

    Returns
    -------
    views : list of (str, type)
    """
    return _subclasses(skdeepcluster.views.Views)


def all_datasets():
    """All public Datasets, as ``("views.ImageFolder", class)``.

    Returns
    -------
    datasets : list of (str, type)
    """
    views = {obj for _, obj in all_views()}
    return sorted(
        (f"views.{name}", getattr(skdeepcluster.views, name))
        for name in skdeepcluster.views.__all__
        if getattr(skdeepcluster.views, name) not in views
    )


def all_graphs():
    """All public forms of graphs, as ``("Graph", class)``.

    Returns
    -------
    graphs : list of (str, type)
    """
    return _subclasses(skdeepcluster.Graph)


def all_constraints():
    """All public classes of side information, as ``("constraints.PairwiseConstraints", class)``.

    Returns
    -------
    classes : list of (str, type)
    """
    module = skdeepcluster.constraints
    return [
        (f"constraints.{name}", getattr(module, name))
        for name in module.__all__
        if inspect.isclass(getattr(module, name))
    ]


def all_functions():
    """All public functions.

    Returns
    -------
    functions : list of (str, function)
        Sorted pairs of name below ``skdeepcluster``, as ``"metrics.purity"``, and function.
    """
    return sorted((name, obj) for name, obj in _public_objects() if inspect.isroutine(obj))
