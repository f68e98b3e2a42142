"""What the classes add to docstrings, and that docstrings agree with each other."""

import inspect

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc
from sklearn.utils._param_validation import StrOptions, make_constraint
from sklearn.utils._testing import assert_docstring_consistency

import skdeepcluster
from skdeepcluster._discovery import all_estimators
from skdeepcluster._docstrings import complete_docstring, described_by, documented

FILES = {name: file for file, names in skdeepcluster._FILES.items() for name in names}


class Base:
    """Base.

    Parameters
    ----------
    a, b : int
        Two numbers.

    Attributes
    ----------
    found_ : int
        What is found.
    """

    def fit(self, X, y=None):
        """Fit.

        Parameters
        ----------
        X : rows to learn from
            Training rows.

        y : Ignored
            Not used.

        Returns
        -------
        self : object
            The fitted estimator.
        """

    def transform(self, X):
        """Transform.

        Parameters
        ----------
        X : rows
            New rows.

        Returns
        -------
        Z : rows
            Transformed.
        """


class Derived(Base):
    r"""Derived.

    More of it.

    Parameters
    ----------
    c : str, default="c"
        A letter.

    Notes
    -----
    A note.
    """

    def fit(self, X, y=None, **options):
        """Fit in another way.

        Parameters
        ----------
        **options : dict
            Options.

        Notes
        -----
        A note.
        """

    @classmethod
    def new(cls, X):
        """Make one of new rows.

        Returns
        -------
        model : Derived
            The model.
        """

    def transform(self, X):
        """Transform in another way."""


for made in (Base, Derived):
    made.__module__ = "skdeepcluster.tests"
documented(Derived)


def test_a_method_has_what_its_base_says():
    doc = FunctionDoc(Derived.fit)
    assert [(p.name, p.type) for p in doc["Parameters"]] == [
        ("X", "rows to learn from"),
        ("y", "Ignored"),
        ("**options", "dict"),
    ]
    assert doc["Returns"] == FunctionDoc(Base.fit)["Returns"]
    assert doc["Notes"] == ["A note."]
    assert Derived.fit.__doc__.startswith("Fit in another way.\n\nParameters\n")
    assert FunctionDoc(Derived.transform)["Returns"] == FunctionDoc(Base.transform)["Returns"]


def test_new_rows_are_described_by_methods_that_take_new_rows():
    (X,) = FunctionDoc(Derived.new)["Parameters"]
    assert (X.name, X.type, X.desc) == ("X", "rows", ["New rows."])


def test_plain_rows_and_labels_need_no_description():
    class Plain:
        """Plain."""

        def fit(self, X, y=None):
            """Fit."""

        def predict(self, X):
            """Predict."""

    documented(Plain)
    rows = FunctionDoc(Plain.fit)["Parameters"][0]
    assert (rows.name, rows.desc) == ("X", ["Training rows."])
    assert FunctionDoc(Plain.predict)["Parameters"][0].desc == ["New rows."]
    assert FunctionDoc(Plain.predict)["Returns"][0].desc == ["Cluster of each row."]


def test_a_method_that_calls_a_function_is_described_by_it():
    def drawn_rows(rows, seed):
        """Draw.

        Parameters
        ----------
        rows : int
            How many.

        seed : int
            A seed.

        Returns
        -------
        drawn : array
            What is drawn.
        """

    class Drawer:
        """Drawer."""

        @described_by(drawn_rows)
        def draw(self, rows):
            """Draw from the fit."""

    documented(Drawer)
    doc = FunctionDoc(Drawer.draw)
    assert [(p.name, p.desc) for p in doc["Parameters"]] == [("rows", ["How many."])]
    assert doc["Returns"] == FunctionDoc(drawn_rows)["Returns"]
    assert Drawer.draw.__doc__.startswith("Draw from the fit.")


def test_a_base_stays_as_it_is():
    assert Base.fit.__doc__.startswith("Fit.\n\n        Parameters")


def test_completing_twice_changes_nothing():
    before = Derived.fit.__doc__
    documented(Derived)
    assert Derived.fit.__doc__ == before


def test_a_class_has_what_its_base_says():
    doc = complete_docstring(Derived, ["c", "a", "b"])
    assert doc.index("c : str") < doc.index("a, b : int") < doc.index("found_ : int")
    assert doc.index("found_ : int") < doc.index("A note.")
    assert doc.count("a, b : int") == 1
    assert "User Guide" not in doc


@pytest.mark.parametrize("name, cls", all_estimators())
def test_every_method_links_to_its_page(name, cls):
    page = FILES[name].rpartition(".")[2]
    link = f"Read more in the :ref:`User Guide <user_guide_{page}>`."
    doc = inspect.getdoc(cls)
    assert doc.count("User Guide") == 1
    assert f"\n\n{link}\n\nParameters\n---" in doc


def test_user_subclasses_have_no_page():
    class Own(skdeepcluster.KMedoids):
        """One of the user's.

        A section
        ---------
        that numpydoc does not know.
        """

    assert "User Guide" not in Own.__doc__
    assert "n_clusters : int" in Own.__doc__
    assert "\n\nA section\n---------\nthat numpydoc does not know.\n" in Own.__doc__


# Parameters that mean the same wherever they are.
SHARED = [
    "checkpoint",
    "compile",
    "decoder",
    "device",
    "final_clustering",
    "image_shape",
    "layerwise_epochs",
    "max_time",
    "n_jobs",
    "optimizer",
    "precision",
    "pretrain_epochs",
    "verbose",
    "views",
]
# ClAM has an encoder only on request, and says of what belongs to it that it acts only then.
OF_AN_ENCODER = [
    "decoder",
    "hidden_layer_sizes",
    "init_epochs",
    "layerwise_epochs",
    "n_components",
    "noise",
    "pretrain_epochs",
]


# Whose parameter is another one, or has another default: `n_jobs` of fits of other estimators,
# epochs of another pretext, masks.
OTHERWISE = {
    "n_jobs": {"NClustersSearch", "VotingClustering"},
    "optimizer": {"PBN"},
    "views": {"SIGMA"},
    "pretrain_epochs": {
        "CDC",
        "GlobalLocalAdapter",
        "HyperTrack",
        "MLC",
        "PamC",
        "SCAN",
        "SCGC",
        "SubclassContrastive",
    },
}


@pytest.mark.parametrize("name", SHARED)
def test_shared_parameters_are_described_alike(name):
    classes = [cls for _, cls in all_estimators() if name in inspect.signature(cls).parameters]
    classes = [cls for cls in classes if cls.__name__ not in OTHERWISE.get(name, ())]
    if name in OF_AN_ENCODER:
        classes.remove(skdeepcluster.ClAM)
    assert len(classes) > 1
    assert_docstring_consistency(classes, include_params=[name])


@pytest.mark.parametrize("name", OF_AN_ENCODER)
def test_clam_says_what_acts_only_with_an_encoder(name):
    (described,) = [p for p in FunctionDoc(skdeepcluster.ClAM)["Parameters"] if p.name == name]
    assert described.desc[0].startswith("Only with")


@pytest.mark.parametrize(
    "classes, names",
    [
        ("DEC IDEC GLDC HCHC", ["alpha", "init", "tol", "update_interval"]),
        ("CLARA CLARANS KMedoids", ["metric_params", "n_clusters", "tol"]),
        ("DeepClusterV2 SimCLR GSimCLR", ["temperature"]),
    ],
)
def test_what_relatives_share_is_described_alike(classes, names):
    classes = [getattr(skdeepcluster, name) for name in classes.split()]
    assert_docstring_consistency(classes, include_params=names)


@pytest.mark.parametrize("name, cls", all_estimators())
def test_fit_returns_the_same_everywhere(name, cls):
    (result,) = FunctionDoc(cls.fit)["Returns"]
    assert (result.name, result.desc) == ("self", ["The fitted estimator."])


@pytest.mark.parametrize("name, cls", all_estimators())
def test_values_that_a_parameter_takes_are_described(name, cls):
    described = {
        each: f"{p.type} {' '.join(p.desc)}"
        for p in ClassDoc(cls)["Parameters"]
        for each in p.name.split(", ")
    }
    for parameter, constraints in cls._parameter_constraints.items():
        text = described.get(parameter)
        if text is None or constraints == "no_validation":
            continue
        for constraint in map(make_constraint, constraints):
            if isinstance(constraint, StrOptions) and not text.startswith("str"):
                # Names of distances and such are those of another function, to which it refers.
                assert not [o for o in constraint.options if f'"{o}"' not in text], parameter
            if constraint.is_satisfied_by(None):
                assert "None" in text, parameter
            if constraint.is_satisfied_by(True) and not constraint.is_satisfied_by(1):
                assert "bool" in text or "True" in text, parameter
