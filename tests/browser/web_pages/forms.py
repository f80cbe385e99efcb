"""Forms and their fields."""

from __future__ import annotations

from .page import Difference, WebPage, click, fill, press, select, type_in

_THREE = "<option>one<option value=2>two<option selected>three"

FORMS = {
    "text-fields": WebPage(
        body="<label>Name <input id=name></label><input id=given value='as given'><input id=empty placeholder='Town'>",
        steps=(fill("#name", "Ada"), type_in("#given", " and more"), press("#given", "Backspace")),
    ),
    "fields-set-by-scripts": WebPage(
        body="<input id=a value=first><input id=b><input id=c value=kept>",
        steps=(
            "a.value = 'by property'; b.setAttribute('value', 'by attribute')",
            "b.value = 'both'; c.removeAttribute('value')",
            "a.defaultValue = 'unseen'; document.body.prepend(b)",
        ),
    ),
    "textarea": WebPage(
        body="<textarea id=a rows=4>first\nsecond</textarea><textarea id=b></textarea><textarea id=c>\n\nlines</textarea>",
        steps=(fill("#a", "other\nlines"), "b.value = 'set by a script'", "c.textContent = 'default only'"),
    ),
    "checkboxes": WebPage(
        body="<input type=checkbox id=a><input type=checkbox id=b checked><input type=checkbox id=c checked>",
        steps=(click("#a"), click("#b"), "c.checked = false"),
    ),
    "checkbox-neither": WebPage(
        body="<input type=checkbox id=a><input type=checkbox id=b checked><script>b.indeterminate = true</script>",
        steps=("a.indeterminate = true", click("#b")),
        differs=Difference((r"input2? indeterminate", r"picture"), "rrweb records no third state of a checkbox"),
    ),
    "radios": WebPage(
        body="".join(f"<label><input type=radio name=size id=s{n} value={n}>{n}</label>" for n in range(4)),
        steps=(click("#s1"), click("#s3"), "s0.checked = true"),
    ),
    "radios-of-two-forms": WebPage(
        body="".join(
            f"<form><input type=radio name=one id={form}0 checked><input type=radio name=one id={form}1></form>"
            for form in "ab"
        ),
        steps=(click("#a1"), click("#b1"), click("#a0")),
    ),
    "select-one": WebPage(
        body=f"<select id=a>{_THREE}</select>",
        steps=(select("#a", "2"), "a.selectedIndex = 0", "a.value = '2'"),
    ),
    "select-by-its-options": WebPage(
        body=f"<select id=a>{_THREE}</select><select id=b>{_THREE}</select>",
        steps=("a.options[0].selected = true", "b.insertAdjacentHTML('beforeend', '<option selected>four')"),
    ),
    "select-many": WebPage(
        body="<select id=a multiple size=5><option>one<option selected>two<optgroup label=more><option>three<option>four</select>",
        steps=(select("#a", "one", "three"), "a.options[3].selected = true"),
        differs=Difference(
            (r"option\d? selected", r"option\d? (color|background-color|border-)", r"picture"),
            "rrweb records one value of a list",
        ),
    ),
    "select-filled-later": WebPage(
        body="<select id=a></select>",
        steps=(
            "for (const word of ['red', 'green', 'blue']) a.add(new Option(word, word)); a.value = 'blue'",
            "a.options.length = 0; a.innerHTML = '<option>x<option>y'; a.selectedIndex = 1",
        ),
    ),
    "fields-of-all-types": WebPage(
        body="".join(
            f"<p><input type={kind} id={kind} value='{value}'>"
            for kind, value in {
                "number": "3",
                "range": "20",
                "date": "2026-02-03",
                "time": "10:20",
                "color": "#336699",
                "search": "words",
                "url": "https://a.example/",
                "email": "a@b.example",
                "week": "2026-W07",
                "month": "2026-02",
                "datetime-local": "2026-02-03T10:20",
                "button": "Press",
                "reset": "Clear",
            }.items()
        ),
        steps=(
            fill("#number", "42"),
            "range.value = 80; color.value = '#aa0000'; date.value = '2026-11-30'; time.value = '23:59'",
            fill("#search", "other words"),
        ),
    ),
    "password": WebPage(
        body="<input type=password id=a value=secret><input type=text id=b value=shown>",
        steps=("a.type = 'text'", "b.type = 'password'"),
    ),
    "form-that-is-reset": WebPage(
        body=f"<form id=f><input id=a value=first><input type=checkbox id=b checked><select id=c>{_THREE}</select>"
        "<textarea id=d>text</textarea><output id=e>0</output><button type=reset id=r>Reset</button></form>",
        steps=(fill("#a", "second"), click("#b"), select("#c", "2"), fill("#d", "other"), click("#r")),
    ),
    "form-in-a-fieldset": WebPage(
        body="<form><fieldset id=f><legend>Where to</legend><input id=a required><input id=b disabled></fieldset></form>",
        head="<style>:invalid{background:pink}:disabled{color:gray}:checked+i{color:green}</style>",
        steps=("f.disabled = true", "f.disabled = false", fill("#a", "here"), "b.disabled = false; a.readOnly = true"),
    ),
    "meters": WebPage(
        body="<progress id=a max=10 value=3></progress><progress id=b value=0.1></progress>"
        "<meter id=c min=0 max=10 low=3 value=5></meter><input id=d list=l><datalist id=l><option value=one></datalist>",
        steps=("a.value = 8; c.value = 1", "b.value = 0.5; a.max = 20"),
    ),
    "editable": WebPage(
        body="<div id=a contenteditable>Some <b>words</b></div><p id=b contenteditable=plaintext-only>Plain</p>",
        steps=(
            type_in("#a", "More "),
            (
                "const range = document.createRange(); range.selectNodeContents(a.querySelector('b')); "
                "range.surroundContents(document.createElement('i'))"
            ),
            fill("#b", "Other"),
        ),
    ),
    "files": WebPage(
        body="<input type=file id=a><label for=a>Choose</label>",
        steps=(
            lambda page: page.set_input_files("#a", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"words"}),
        ),
        differs=Difference((r"input value", r"picture"), "no script can choose a file"),
    ),
}
