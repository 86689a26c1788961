"""The signature law of ops/: key first, arrays next, options keyword-only."""

import importlib
import inspect
import pkgutil

import jax
import pytest

from selfme_jax import ops

# Besides arrays and the key, only the size of the result may go by position.
BY_POSITION = ("key", "shape")

# DESIGN 3: fixed, others call these.
CONTRACT = {
    "bspline.field": "(control, shape)",
    "bspline.fit": "(points, displacements, *, cells, smoothness)",
    "bspline.evaluate": "(control, points)",
    "flow.strain": "(flow)",
    "grid.identity": "(shape)",
    "warp.sample": "(image, grid)",
    "warp.warp": "(image, flow)",
}


def functions():
    """(name, function) of everything public that a module of ops defines."""
    for info in pkgutil.iter_modules(ops.__path__):
        module = importlib.import_module(f"{ops.__name__}.{info.name}")
        for name, value in vars(module).items():
            mine = getattr(value, "__module__", None) == module.__name__
            if not name.startswith("_") and mine and callable(value):
                yield f"{info.name}.{name}", value


FUNCTIONS = dict(functions())


def violations(name, function):
    """What of the law a function breaks, as sentences."""
    parameters = list(inspect.signature(function).parameters.values())
    arrays = [p for p in parameters if p.annotation is jax.Array and p.name != "key"]
    for p in parameters:
        if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
            yield f"{p} swallows what it is given"
        if p.annotation is p.empty:
            yield f"{p.name} has no annotation"
        if p.name == "key" and p is not parameters[0]:
            yield "the key is not the first argument"
        option = p not in arrays and p.name not in BY_POSITION
        # Without arrays it makes a constant: sizes are what it is about.
        if option and (arrays or parameters[0].name == "key"):
            if p.kind is not p.KEYWORD_ONLY:
                yield f"option {p.name} may go by position"
        elif p in arrays and p.kind is p.KEYWORD_ONLY:
            yield f"array {p.name} is keyword-only"
    if ("key" in [p.name for p in parameters]) != name.startswith("random_"):
        yield "random_ in the name and key in the signature go together"
    order = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    if arrays and "shape" in order and order[-1] != "shape":
        yield "shape does not follow the arrays"
    if inspect.signature(function).return_annotation is inspect.Signature.empty:
        yield "no return annotation"
    if "[" not in (inspect.getdoc(function) or ""):
        yield "no docstring that gives a shape"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_signature_law(name):
    assert not list(violations(name.split(".")[1], FUNCTIONS[name]))


def test_the_reflection_sees_every_module():
    found = {name.split(".")[0] for name in FUNCTIONS}
    assert found == {info.name for info in pkgutil.iter_modules(ops.__path__)}
    assert len(FUNCTIONS) > 40


@pytest.mark.parametrize("name", CONTRACT)
def test_contract(name):
    parameters = inspect.signature(FUNCTIONS[name]).parameters.values()
    bare = [p.replace(annotation=p.empty) for p in parameters]
    assert str(inspect.Signature(bare)) == CONTRACT[name]


def test_the_law_can_be_broken():
    def random_twist(image: jax.Array, key: jax.Array, angle: float, **rest):
        """Twist."""

    found = list(violations("random_twist", random_twist))
    assert len(found) == 7, found

    def twist(shape: tuple, image: jax.Array, *, by: jax.Array) -> jax.Array:
        """[h, w, c]."""

    assert len(list(violations("twist", twist))) == 2
