"""Frames, shadow roots and components."""

from __future__ import annotations

from .page import Difference, WebPage, click

_INNER = (
    "<!doctype html><style>body{color:teal;margin:4px}</style><p id=p>inside</p><input id=f><div id=tall "
    "style='height:900px'>tall</div>"
)
_FILES = {
    "inner.html": ("text/html", _INNER),
    "next.html": ("text/html", "<!doctype html><h2 style='color:red'>next</h2>"),
}
_IN = "document.querySelector('iframe').contentDocument"
_LOADED = "await new Promise((done) => {{ const f = document.createElement('iframe'); f.onload = done; {set}; {where}.append(f) }})"
_CARD = "this.attachShadow({mode: 'open'}).innerHTML = '<style>b{color:red}::slotted(i){color:blue}</style><b>bold</b><slot></slot>'"
_DEFINE = f"customElements.define('x-card', class extends HTMLElement {{ connectedCallback() {{ if (!this.shadowRoot) {_CARD} }} }})"

_QUIRKS = Difference((r"#document mode", r"#document.* box|picture"), "a seek builds frames in standards mode only")

WINDOWS = {
    "frame": WebPage(
        body="<p>outside</p><iframe src=inner.html width=400 height=200></iframe>",
        files=_FILES,
        steps=(
            f"{_IN}.getElementById('p').append(' changed')",
            lambda page: page.frames[1].fill("#f", "typed"),
            f"{_IN}.defaultView.scrollTo(0, 300)",
        ),
    ),
    "frame-of-srcdoc": WebPage(
        body="<iframe id=f srcdoc='<p>from srcdoc</p><b>bold</b>'></iframe>",
        steps=(
            f"{_IN}.body.append('more')",
            "await new Promise((done) => { f.onload = done; f.srcdoc = '<h3>other</h3>' })",
        ),
    ),
    "frame-written-by-a-script": WebPage(
        body="<iframe id=f></iframe>",
        steps=(
            f"{_IN}.open(); {_IN}.write('<!doctype html><p>written</p>'); {_IN}.close()",
            f"{_IN}.body.innerHTML = '<h4>changed</h4>'",
        ),
        differs=_QUIRKS,
    ),
    "frame-without-an-address": WebPage(
        body="<iframe id=f></iframe>",
        steps=(f"{_IN}.body.innerHTML = '<p style=color:red>filled</p>'",),
        differs=_QUIRKS,
    ),
    "frame-added-later": WebPage(
        body="<div id=a></div>",
        files=_FILES,
        steps=(
            _LOADED.format(set="f.src = 'inner.html'", where="a"),
            f"{_IN}.body.append('more')",
            "document.querySelector('iframe').remove()",
            _LOADED.format(set="f.srcdoc = '<p>again</p>'", where="a"),
        ),
    ),
    "frame-that-navigates": WebPage(
        body="<iframe id=f src=inner.html></iframe>",
        files=_FILES,
        steps=(
            "await new Promise((done) => { f.onload = done; f.src = 'next.html' })",
            f"{_IN}.body.append('more')",
            "await new Promise((done) => { f.onload = done; f.contentWindow.location = 'inner.html' })",
        ),
    ),
    "frame-that-moves": WebPage(
        body="<div id=a><iframe id=f srcdoc='<p>inside</p>'></iframe></div><div id=b></div>",
        steps=("await new Promise((done) => { f.onload = done; b.append(f) })", f"{_IN}.body.append('more')"),
    ),
    "frame-in-a-frame": WebPage(
        body="<iframe width=500 height=300 src=outer.html></iframe>",
        files={
            **_FILES,
            "outer.html": ("text/html", "<!doctype html><h3>outer</h3><iframe src=inner.html width=300></iframe>"),
        },
        steps=(
            lambda page: page.frames[2].fill("#f", "typed"),
            lambda page: page.frames[2].evaluate("scrollTo(0, 200)"),
        ),
    ),
    "frame-in-a-shadow-root": WebPage(
        body="<div id=h></div>",
        steps=(
            (
                "await new Promise((done) => { const root = h.attachShadow({mode: 'open'}); const f = document.createElement('iframe'); "
                "f.srcdoc = '<p>in a shadow</p>'; f.onload = done; root.append(f) })"
            ),
            "h.shadowRoot.querySelector('iframe').contentDocument.body.append('more')",
        ),
    ),
    "frame-with-an-adopted-sheet": WebPage(
        body="<iframe srcdoc='<p>inside</p>'></iframe>",
        steps=(
            (
                "const view = document.querySelector('iframe').contentWindow; const sheet = new view.CSSStyleSheet(); "
                "sheet.replaceSync('p { color: red }'); view.document.adoptedStyleSheets = [sheet]"
            ),
            "document.querySelector('iframe').contentDocument.adoptedStyleSheets[0].insertRule('p { font-weight: bold }')",
        ),
    ),
    "next-page-and-back": WebPage(
        body="<p>first</p><div style='height:2000px'></div>",
        files={
            "next.html": (
                "text/html",
                "<!doctype html><html><head>STARTER</head><body><h1>next</h1><a href='./'>first</a></body></html>",
            ),
        },
        steps=(
            "scrollTo(0, 500)",
            lambda page: page.goto(f"{page.url}next.html"),
            lambda page: page.go_back(),
            "document.querySelector('p').append(' again')",
            lambda page: page.goto(f"{page.url}next.html"),
            lambda page: page.click("a"),
        ),
    ),
    "frameset": WebPage(
        body="",
        files={
            **_FILES,
            "set.html": (
                "text/html",
                (
                    "<!doctype html><html><head>STARTER</head><frameset cols='50%,50%'><frame src=inner.html>"
                    "<frame src=next.html></frameset></html>"
                ),
            ),
        },
        steps=(lambda page: page.goto(f"{page.url}set.html"),),
        differs=Difference((r"html/frameset/frame", r"picture"), "rrweb records documents of iframe, and not of frame"),
    ),
    "shadow-root": WebPage(
        body="<div id=h><i>slotted</i></div>",
        head="<style>b{color:green}</style>",
        steps=(
            "h.attachShadow({mode: 'open'}).innerHTML = '<style>b{color:red}</style><b>shadow</b><slot></slot>'",
            "h.shadowRoot.querySelector('b').append(' more'); h.append('light')",
            "h.shadowRoot.innerHTML = '<p>only this</p>'",
        ),
    ),
    "shadow-root-declared": WebPage(
        body="<div id=h><template shadowrootmode=open><style>p{color:purple}</style><p>declared</p><slot name=a></slot>"
        "</template><b slot=a>slotted</b></div>",
        steps=("h.shadowRoot.querySelector('p').style.background = 'gold'",),
    ),
    "shadow-root-closed": WebPage(
        body="<div id=h></div>",
        steps=("h.attachShadow({mode: 'closed'}).innerHTML = '<b>closed</b>'",),
        differs=Difference((r"box", r"picture"), "no script can read a closed shadow root"),
    ),
    "shadow-roots-in-shadow-roots": WebPage(
        body="<div id=h></div>",
        steps=(
            (
                "const outer = h.attachShadow({mode: 'open'}); outer.innerHTML = '<div></div>outer'; "
                "outer.firstChild.attachShadow({mode: 'open'}).innerHTML = '<input><p>inner</p>'"
            ),
            "h.shadowRoot.firstChild.shadowRoot.lastChild.append(' more')",
            lambda page: page.fill("input", "typed in a shadow"),
        ),
    ),
    "components": WebPage(
        body="<x-card><i>one</i></x-card><div id=a></div>",
        head=f"<style>x-card:defined{{border:2px solid green}}</style><script>{_DEFINE}</script>",
        steps=(
            "a.innerHTML = '<x-card><i>two</i></x-card><x-card>three</x-card>'",
            "a.append(a.firstChild); a.firstChild.shadowRoot.append('direct')",
        ),
    ),
    "components-defined-later": WebPage(
        body="<x-card><i>one</i></x-card>",
        head="<style>x-card:not(:defined){color:gray}x-card:defined{border:2px solid green}</style>",
        steps=(_DEFINE, "document.querySelector('x-card').append('more')"),
        differs=Difference(
            (r"x-card\S* (color|border-)", r"x-card\S* box|body box|html box", r"picture"),
            "a replay defines no elements, so :defined does not match",
        ),
    ),
    "slots": WebPage(
        body="<div id=h><template shadowrootmode=open><style>slot{color:red}</style>"
        "<slot name=a>none</slot>|<slot>all</slot></template></div>",
        steps=(
            "h.innerHTML = '<b id=b slot=a>named</b>plain'",
            "b.removeAttribute('slot')",
            "h.textContent = ''",
        ),
    ),
    "shadow-root-removed-and-back": WebPage(
        body="<div id=a><div id=h></div></div><div id=c></div>",
        steps=(
            (
                "const sheet = new CSSStyleSheet(); sheet.replaceSync('p { color: red }'); "
                "const root = h.attachShadow({mode: 'open'}); root.innerHTML = '<p>styled</p>'; root.adoptedStyleSheets = [sheet]"
            ),
            "window.kept = h; h.remove()",
            "c.append(kept)",
        ),
    ),
    "clicks-in-a-shadow-root": WebPage(
        body="<x-count></x-count>",
        head="<script>customElements.define('x-count', class extends HTMLElement { connectedCallback() { "
        "const root = this.attachShadow({mode: 'open'}); root.innerHTML = '<button>0</button><input type=checkbox>'; "
        "root.firstChild.onclick = (e) => { e.target.textContent = Number(e.target.textContent) + 1 } } })</script>",
        steps=(click("button"), click("button"), click("input")),
    ),
    "form-in-a-frame": WebPage(
        body="<iframe srcdoc='<input id=a><input type=checkbox id=b><select id=c><option>1<option>2</select>'></iframe>",
        steps=(
            lambda page: page.frames[1].fill("#a", "typed"),
            lambda page: page.frames[1].check("#b"),
            lambda page: page.frames[1].select_option("#c", "2"),
        ),
    ),
}
