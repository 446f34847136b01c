"""Texts that hypothesis puts together give the same object by both techniques."""

from __future__ import annotations

import tempfile
from pathlib import Path

from assembling import assemble, assemble_with_macros
from hypothesis import given, settings
from hypothesis import strategies as st
from test_as_properties import BLOCKS, MODES, OTHER, SENSITIVE
from test_macros_classes import differences

# What only the stand-in sees: bytes, and whether int3 stands behind a branch. What only the macros see: that a prefix
# which comes from a macro's argument belongs to the statement behind it (docs/afterburning.md).
TEXTS_OF_ONE = [text for text in SENSITIVE + OTHER if not text.startswith((".byte 0x0f", "int3"))]
STATEMENTS = st.sampled_from(TEXTS_OF_ONE)
IN_BLOCKS = st.sampled_from([text for text in TEXTS_OF_ONE if not text.startswith("rep;")])
LINES = st.one_of(
    st.lists(STATEMENTS, min_size=1, max_size=3).map("; ".join),
    st.sampled_from(MODES),
    st.tuples(st.sampled_from(BLOCKS), IN_BLOCKS).map(lambda pair: pair[0].format(pair[1])),
    st.tuples(STATEMENTS, st.sampled_from([" # cli", " /* sti; */", "\t"])).map("".join),
)
TEXTS = st.lists(LINES, max_size=12).map(
    lambda body: ".macro m a:vararg\n\\a\n.endm\nf:\n" + "\n".join(body) + "\n.text\n.code64\n1:\n"
)


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_both_techniques_give_the_same_object(text: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        assert differences(assemble_with_macros(text, directory), assemble(text, directory)) == []
