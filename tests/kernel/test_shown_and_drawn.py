"""What real notebooks taught about results that are shown and figures that are drawn."""

from __future__ import annotations

from pathlib import Path

from kernels import kernel

FAILS_TO_SHOW = """\
%%cache
class Shy:
    def _repr_html_(self):
        raise ImportError('needs more')
Shy()
"""
DRAWS_IN_A_CONTEXT = """\
%%cache
import matplotlib as mpl
with mpl.rc_context({'interactive': False}):
    import matplotlib.pyplot as plt
    figure = plt.figure()
    plt.close(figure)
del figure
"""
SET_UP = "import matplotlib\nmatplotlib.interactive(False)"
PARAMETERS = "sorted((k, repr(v)) for k, v in dict.items(matplotlib.rcParams))"


def test_a_result_that_could_not_be_shown_is_not_stored(tmp_path: Path) -> None:
    """A cell whose result raises while it is shown runs again, and shows the error again."""
    with kernel(tmp_path / "store") as made:
        cold, warm = made.run(FAILS_TO_SHOW), made.run(FAILS_TO_SHOW)
    assert (cold.state, warm.state) == ("bypass", "bypass")
    assert "raised an error" in cold.event["reasons"][0]
    assert [kind for kind, _ in warm.own] == ["error", "execute_result"]


def test_switching_the_backend_leaves_other_parameters(tmp_path: Path) -> None:
    """A hit that loads matplotlib's backend leaves all parameters as the run left them."""
    found = []
    for state in ("miss", "hit"):
        with kernel(tmp_path / "store") as made:
            made.run(SET_UP)
            assert made.run(DRAWS_IN_A_CONTEXT).state == state
            found.append(made.value(PARAMETERS))
    assert found[0] == found[1]


def test_colors_behind_letters_come_back(tmp_path: Path) -> None:
    """A hit gives letters the colors that the run gave them; another color is another result."""
    change = "%%cache\nimport seaborn\nseaborn.set_color_codes()"
    shown = "%%cache\nimport matplotlib.pyplot as plt\nprint(plt.matplotlib.colors.to_hex('b'))"
    plain = "plt.matplotlib.colors.get_named_colors_mapping()['b'] = (0, 0, 1)"
    found = []
    for state in ("miss", "hit"):
        with kernel(tmp_path / "store") as made:
            replies = [made.run(cell) for cell in (change, shown)]
            assert [reply.state for reply in replies] == [state, state]
            found.append(replies[1].text)
    assert found == ["#4c72b0\n", "#4c72b0\n"]
    with kernel(tmp_path / "store") as made:
        made.run("import matplotlib.pyplot as plt\n" + plain)
        assert made.run(shown).text == "#0000ff\n"
