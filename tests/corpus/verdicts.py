# SPDX-License-Identifier: MIT
"""The verdicts on the files that are unlike most of their family."""

from kortilla.signing.verification import Verdict

_V, _N, _C = Verdict.VALID, Verdict.NOT_VALID, Verdict.CANT_SAY
Verdicts = dict[Verdict, set[str]]

#: Usually not valid.
UPDATES: Verdicts = {
    _V: {
        "a section that says less",
        "many blanks",
        "nothing",
        "octets of zero",
    },
    _C: {
        "no previous section",
        "an update of the signature's dictionary",
        "a previous section that is the section",
        "a previous section in the middle of nowhere",
        "a previous section at zero",
        "a previous section that is negative",
        "a previous section that is a fraction",
        "a previous section in another object",
        "a size that is too small",
        "a size that is missing",
        "no trailer",
        "no table",
        "two ends",
        "an object before its section that is cut off",
        "an object within a stream that was there",
        "an older header",
        "a whole other file",
        "a whole other file that goes on from this one",
        "a table that says that the content is the hidden one",
        "a table that says that the page is the hidden one",
        "a part that is the hidden one",
        "a value that is a stream",
    },
}
#: Usually not valid.
SIGNATURES: Verdicts = {
    _V: {
        "contents with blanks",
        "contents with other octets in the padding",
        "one signature of two fields",
        "two signatures",
    },
    _C: {
        "no contents",
        "contents that are null",
        "contents that are empty",
        "contents of one zero",
        "contents of zeros",
        "contents that are a text",
        "contents that are a reference",
        "no range",
        "a range that is null",
        "a range that is empty",
        "a range of two numbers",
        "a range of three numbers",
        "a range of texts",
        "a range of fractions",
        "a range that is negative",
        "another subfilter",
        "a subfilter that is unknown",
        "no subfilter",
        "objects in the gap",
    },
}
#: Usually not valid.
CERTIFIED: Verdicts = {
    _V: {
        "nothing, where the author allows no changes",
        "nothing, where the author allows forms and signatures",
        "a signature, where the author allows forms and signatures",
        "nothing, where the author allows notes, too",
        "a signature, where the author allows notes, too",
    },
}
#: Usually can't say.
ZIP: Verdicts = {
    _V: {
        "a comment in a field of unicode",
        "sizes after stored data",
        "a type with blanks",
    },
}
#: Usually can't say.
XML: Verdicts = {
    _V: {
        "a section of characters",
    },
    _N: {
        "a reference in other letters",
        "a reference with escapes",
        "a reference from the root",
        "a reference with a dot",
        "a reference to a part",
        "a reference with a question",
        "a reference of the system",
        "a reference over the network",
        "a reference to what is not there",
        "a reference twice",
        "a reference less",
        "a signature in another element",
        "another certificate",
        "another algorithm",
    },
}
#: Usually can't say.
DETACHED: Verdicts = {
    _V: {
        "in letters",
        "with the same content inside",
        "only its content",
        "two signers who are one",
    },
    _N: {
        "a file with a blank more",
        "an empty file",
        "another digest",
        "no signers",
        "another content inside",
    },
}
