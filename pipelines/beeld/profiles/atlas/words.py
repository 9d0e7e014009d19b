"""The words of the atlas, for the page and for its script: one place."""

from __future__ import annotations

from beeld.profiles.language import Words

WORDS = Words(
    {
        "title": "Atlas",
        "intro": "Kies een cijfer en bekijk het op de kaart en in de tabel. De tabel staat op volgorde van gemeente en code. "
        "De kaart geeft een signaal, geen oordeel.",
        "no_script": "Deze kaart werkt met JavaScript, en dat staat hier uit. Alle cijfers staan ook op de bladzijden van de "
        "gebieden.",
        "to_index": "Naar het overzicht van alle gebieden",
        "choose": "Kies wat u wilt zien",
        "lens": "Blik",
        "theme": "Thema",
        "figure": "Cijfer",
        "year": "Peiljaar",
        "gemeente": "Gemeente",
        "all_gemeenten": "Alle gemeenten",
        "area": "Buurt",
        "no_area": "Kies een buurt",
        "first_gemeente": "Kies eerst een gemeente",
        "classes": "Klassen",
        "nl": "Landelijk (vast)",
        "own": "Binnen de gemeente",
        "own_hint": "Kies eerst een gemeente om klassen binnen die gemeente te zien.",
        "map_label": "Kaart van de buurten. Met de pijltjestoetsen schuift u, met plus en min zoomt u. "
        "Dezelfde cijfers staan in de tabel onder de kaart.",
        "zoom_in": "Inzoomen",
        "zoom_out": "Uitzoomen",
        "scroll_help": "Houd Ctrl ingedrukt om te zoomen met het muiswiel",
        "scroll_help_mac": "Houd ⌘ ingedrukt om te zoomen met het muiswiel",
        "touch_help": "Gebruik twee vingers om de kaart te bewegen",
        "no_webgl": "De kaart kan hier niet worden getekend: deze browser ondersteunt geen WebGL. Alle cijfers staan in de "
        "tabel.",
        "no_borders": "Van deze buurten is geen grens bekend. Alle cijfers staan in de tabel.",
        "failed": "Deze cijfers konden niet worden geladen. Ontbreekt er een bestand in de map 'atlas'?",
        "legend": "Legenda",
        "counted": "tussen haakjes: aantal buurten op deze kaart",
        "theme_score": "Themascore",
        "nl_classes": "Landelijke klassen",
        "own_classes": "Klassen binnen",
        "fifths": "vaste klassen: elk ongeveer een vijfde van de buurten in Nederland",
        "fixed_steps": "vaste klassen in gelijke stappen",
        "even": "zo veel mogelijk evenveel buurten per klasse",
        "steps": "gelijke stappen",
        "modelled": "Modelschatting: uit een rekenmodel, niet geteld, en niet bedoeld om buurten te ordenen. "
        "Daarom is er alleen het nieuwste jaar.",
        "chosen": "Gekozen buurt",
        "none_chosen": "Wijs een buurt aan op de kaart, kies er een in de lijst of ga met Tab door de tabel.",
        "to_profile": "Naar het profiel van deze buurt",
        "no_profile": "Van deze buurt is geen profiel gemaakt.",
        "table": "Tabel",
        "caption": "Dezelfde cijfers als op de kaart, op volgorde van gemeente en code",
        "table_label": "Tabel met cijfers per buurt; schuif zijwaarts om alles te zien",
        "code": "Code",
        "value": "Waarde",
        "margin": "Marge",
        "class": "Klasse",
        "kind": "Soort cijfer",
        "remark": "Opmerking",
        "show_on_map": "toon op de kaart",
        "earlier": "Vorige buurten",
        "later": "Volgende buurten",
        "pages": "Bladeren door de tabel",
        "rows": "buurten",
        "of": "van",
        "to": "tot",
        "margin_word": "marge",
        "assumed_margin": "aangenomen marge",
        "no_class": "geen klasse",
        "no_margin": "geen marge bekend",
        "source": "Bron",
        "edition": "Editie",
        "borders": "grenzen",
        "reason": "reden",
        "note": "let op",
    }
)
"""Key -> text (B1)."""
