"""Texts that a name can be: real Dutch names, and everything that something on the way could take for more than a name."""

from beeld.sources.words import plain

DUTCH = (
    "'s-Gravenhage", "'t Zand", "'s-Hertogenbosch", "Súdwest-Fryslân", "Hengelo (O.)", "Bergen (NH.)", "Bergen (L.)", "Beek en Donk",
    "Centrum / Oud-West", "Kop & Zoom", 'De "Hoek"', "Wijk 01 Noord-Oost", "Nuth, verspreide huizen", "Buurt nr. 5", "Capelle a/d IJssel",
    "IJsselmonde", "Gaasterlân-Sleat", "Noardeast-Fryslân", "Ooststellingwerf; Zuid", "Het Loo (incl. Paleis)", "Één dorp", "Zuid 1+2",
    "50% Groen", "Plan #3", "De Punt @ Zee", "Oud & Nieuw <1900", "A", "8", "Ĳburg", "Çuma", "Ærø", "Łódź",
)
MARKUP = (
    "<script>alert(1)</script>", "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)", "</title><b>x", "</style><i>x", "<!-- x -->", "-->", "<![CDATA[x]]>", "]]>", "]]> & \"x\"", "&lt;b&gt;",
    "&amp;", "&#60;b&#62;", "&nbsp;", "<b>vet</b>", "</td></tr></table>", "<a href='javascript:alert(1)'>x</a>", "<?xml version='1.0'?>",
    "<!DOCTYPE html>", "{{ 7*7 }}", "{% raw %}", "{# x #}", "${7*7}", "<%= 7*7 %>", "<base href=//a.b>", "<meta http-equiv=refresh>",
)
TYPST = (
    '#read("/etc/passwd")', '#import "x.typ"', "#include \"x\"", "$\\frac$", "$\\frac{1}{2}$", "$x$", "]", "}", ")", "\\", "\\u{41}",
    "*x*", "_y_", "`z`", "<lab>", "@ref", "// weg", "/* weg", "= Kop", "- punt", "+ punt", "~", "--- x", "#set page(width: 1pt)",
    "\\(x\\)", "#eval(\"1\")", "$", "$$", "\\$", "^2", "x_1",
)
FORMULAS = (
    "=HYPERLINK(\"http://a.b\")", "=cmd|' /C calc'!A0", "+31", "-1+1", "@SUM(A1)", "|cmd", "{=1+1}", "=", "'=x", "%0A=1", "0x10", "1e5",
    "001", "TRUE", "null", "NA", "#N/A", "_x000D_", "_x0041_", "a;b", "a,b;c\"d", "\"", "''", "'",
)
COMMANDS = (
    "'; drop table gebied; --", "\"; drop table gebied; --", "x' or '1'='1", "$1", "?", ":naam", "%s", "%(x)s", "{0}", "{name}",
    "$(reboot)", "`reboot`", "; rm -rf /", "&& ls", "../../x", "..\\x", "/abs", "C:\\x", "CON", "NUL.txt", "file:///etc/passwd",
    "http://a.b/c?d=e&f", "javascript:alert(1)", "a@b.c", "~/x", ".", "..", "*", "-rf", "--help",
)
UNICODE = (
    "a\x00b", "\x1b[31mrood\x1b[0m", "twee\nregels", "cr\rlf\r\n", "\t=1", "bel\x07", "\x7f", "\x85", "rand\u2028regel", "שלום", "مرحبا",
    "\u202etxet\u202c", "\u2066x\u2069", "a\u200bb", "a\u00adb", "e\u0301e\u0301n", "漢字", "😀 wijk", "👨‍👩‍👧", "🇳🇱", "Ａ", "раураl", "ﬁets",
    "\ufeffbom", "\ufffe", "\ud800", "\ue000", "x" * 300, "woord " * 60, " spatie ", "\u00a0x", "İstanbul", "ǅ", "0\u0338",
)
STRINGS = tuple(dict.fromkeys((*DUTCH, *MARKUP, *TYPST, *FORMULAS, *COMMANDS, *UNICODE)))
NAMES = tuple(dict.fromkeys(name for name in map(plain, STRINGS) if name))
"""As a release holds them; see `beeld.sources.words`."""
