"""Names and roles of elements, on small pages; kinds of cases after accname-1.2 and the tests of WPT's accname."""

from __future__ import annotations

import pytest
from audit.behaviour.targets.pages import Page

NAMES = [
    # 2B: aria-labelledby
    ('<span id="l">Quantity</span><input x aria-labelledby="l" aria-label="no">', "Quantity", "textbox"),
    (
        '<b id="a">Delete</b><b id="b">report.pdf</b><button x aria-labelledby="a b">X</button>',
        "Delete report.pdf",
        "button",
    ),
    ('<b id="a" hidden>Hidden words</b><button x aria-labelledby="a">X</button>', "Hidden words", "button"),
    (
        '<button id="own" aria-label="Remove" x aria-labelledby="own f"></button><a id="f" href="/f">File</a>',
        "Remove File",
        "button",
    ),
    ('<button x aria-labelledby="missing">Save</button>', "Save", "button"),
    ('<img id="i" alt="Logo"><a x href="/" aria-labelledby="i"></a>', "Logo", "link"),
    # 2D: aria-label
    ('<button x aria-label="Close dialog">&times;</button>', "Close dialog", "button"),
    ('<button x aria-label="  ">Save</button>', "Save", "button"),
    ('<div x role="button" aria-label="Play"></div>', "Play", "button"),
    ('<nav x aria-label="Main">Home About</nav>', "Main", "navigation"),
    # 2E: labels of HTML
    ('<label for="e">E-mail</label><input x id="e" type="email">', "E-mail", "textbox"),
    ('<label>Phone <input x type="tel" value="+46 70 123"></label>', "Phone", "textbox"),
    ('<label for="p">Password</label><input x id="p" type="password" value="secret">', "Password", ""),
    ('<label for="c">Country</label><select x id="c"><option>Sweden<option>Norway</select>', "Country", "combobox"),
    ('<label><input x type="checkbox"> Remember me</label>', "Remember me", "checkbox"),
    (
        '<label for="m">First</label><label for="m">Second</label><textarea x id="m">my text</textarea>',
        "First Second",
        "textbox",
    ),
    ('<input x type="submit" value="Pay now">', "Pay now", "button"),
    ('<input x type="submit">', "Submit", "button"),
    ('<input x type="reset">', "Reset", "button"),
    ('<input x type="image" alt="Search" src="/s.png">', "Search", "button"),
    ('<input x type="button" title="Tip">', "Tip", "button"),
    ('<img x alt="A cat">', "A cat", "img"),
    ('<a href="/" x><img alt="Home"></a>', "Home", "link"),
    ("<fieldset x><legend>Address</legend><input></fieldset>", "Address", "group"),
    ("<table x><caption>Prices</caption><tr><td>1</td></tr></table>", "Prices", "table"),
    ("<figure x><img alt=''><figcaption>Sales</figcaption></figure>", "Sales", "figure"),
    ("<button x><svg><title>Settings</title><path d='M0'/></svg></button>", "Settings", "button"),
    ("<details><summary x>More</summary>Long text</details>", "More", ""),
    ('<select><option x label="Short">Long</option></select>', "Short", "option"),
    # 2F: from content
    ("<button x>Download all invoices</button>", "Download all invoices", "button"),
    ("<button x><i class='icon'></i> <span>Add</span> to <b>cart</b></button>", "Add to cart", "button"),
    ("<button x><div>Save</div><div>as draft</div></button>", "Save as draft", "button"),
    ("<button x>Sa<b>ve</b></button>", "Save", "button"),
    ("<button x>Save<span hidden>d</span><span aria-hidden='true'>!</span></button>", "Save", "button"),
    ("<button x>Save<span style='display: none'>d</span></button>", "Save", "button"),
    ("<a x href='/x'>Read <img alt='more'></a>", "Read more", "link"),
    ("<h2 x>Chapter <span aria-label='seven'>7</span></h2>", "Chapter seven", "heading"),
    ("<div x role='tab'>Orders</div>", "Orders", "tab"),
    ("<li x role='menuitem'>Rename</li>", "Rename", "menuitem"),
    ("<button x>\n   Much\t\n  space  </button>", "Much space", "button"),
    ("<button x>A&nbsp;B</button>", "A B", "button"),
    ("<button x><i class='fa'>&#xf0c7;</i> Save</button>", "Save", "button"),
    ("<button x><i class='material-icons'>arrow_back</i>Back</button>", "Back", "button"),
    ("<button x><style>.a{}</style><script>f()</script>Go</button>", "Go", "button"),
    ("<button x>Ship to <select><option>Sweden</option></select></button>", "Ship to", "button"),
    ("<a x href='/'>日本語のリンク</a>", "日本語のリンク", "link"),
    # 2I: tooltips, then the words inside of the field
    ("<button x title='Bold'></button>", "Bold", "button"),
    ("<input x placeholder='Search orders'>", "Search orders", "textbox"),
    ("<input x title='Amount' placeholder='0.00'>", "Amount", "textbox"),
    ("<abbr x title='World Wide Web'>WWW</abbr>", "World Wide Web", ""),
    # no name by the standard: the element's text
    ("<div x onclick='f()'>Row 7</div>", "Row 7", ""),
    ("<p x>A short paragraph.</p>", "A short paragraph.", "paragraph"),
    ("<div x>Own<p>" + "many words " * 20 + "</p></div>", "Own", ""),
    ("<div x><p>" + "many words " * 20 + "</p></div>", "", ""),
    ("<input x value='typed by a visitor'>", "", "textbox"),
    ("<textarea x>typed by a visitor</textarea>", "", "textbox"),
    ("<select x><option>one</option></select>", "", "combobox"),
    ("<button x></button>", "", "button"),
    # masked
    ("<button x>***</button>", "", "button"),
    ("<button x aria-label='***'>Save</button>", "Save", "button"),
    ("<button x>*** ***</button>", "", "button"),
    ("<button x>••••</button>", "", "button"),
    ("<a x href='/m'>[email]</a>", "", "link"),
    ("<a x href='/m'>Write to ***</a>", "Write to ***", "link"),
    ("<button x>...</button>", "...", "button"),
]


@pytest.mark.parametrize(("html", "name", "role"), NAMES, ids=range(len(NAMES)))
def test_an_element_has_the_name_and_the_role_of_the_standard(html, name, role):
    target = Page(html).target()
    assert (target.name, target.role) == (name, role)


ROLES = [
    ("<a x>no link</a>", ""),
    ("<input x type='range'>", "slider"),
    ("<input x type='number'>", "spinbutton"),
    ("<input x type='search'>", "searchbox"),
    ("<input x list='l'>", "combobox"),
    ("<input x type='radio'>", "radio"),
    ("<input x type='nonsense'>", "textbox"),
    ("<select x multiple></select>", "listbox"),
    ("<select x size='4'></select>", "listbox"),
    ("<th x>Price</th>", "columnheader"),
    ("<th x scope='row'>Sum</th>", "rowheader"),
    ("<img x alt=''>", ""),
    ("<button x role='switch'>On</button>", "switch"),
    ("<button x role='nonsense tab'>On</button>", "tab"),
    ("<ul x role='presentation'></ul>", ""),
    ("<span x>plain</span>", ""),
]


@pytest.mark.parametrize(("html", "role"), ROLES)
def test_roles_come_from_the_attribute_or_the_element(html, role):
    assert Page(html).target().role == role


def test_a_long_name_is_cut_at_80_characters():
    name = Page(f"<button x>{'word ' * 40}</button>").target().name
    assert len(name) <= 80
    assert name.endswith("d\u2026")


def test_a_name_of_a_page_of_nodes_ends():
    name = Page("<a x href='/'>" + "<p>" * 200 + "word" * 9_000 + "</p>" * 200 + "</a>").target().name
    assert name.startswith("wordword")


@pytest.mark.parametrize(
    ("html", "tag", "name"),
    [
        ("<button>Save<svg><g><path x d='M0'/></g></svg></button>", "button", "Save"),
        ("<a href='/c'><span><i x class='icon'></i></span> Cart</a>", "a", "Cart"),
        ("<div onclick='f()'><b x>Open</b></div>", "div", "Open"),
        ("<div tabindex='0'><b x>Open</b></div>", "div", "Open"),
        ("<div tabindex='-1'><b x>Open</b></div>", "b", "Open"),
        ("<label>News <input type='checkbox'><i x></i></label>", "input", "News"),
        ("<label for='n' x>News</label><input id='n' type='checkbox'>", "input", "News"),
        ("<label x>Alone</label>", "label", "Alone"),
        ("<div role='menuitem'><span x>Copy</span></div>", "div", "Copy"),
        ("<div contenteditable><p><b x>My text</b></p></div>", "div", "My text"),
        ("<svg class='chart'><rect x width='3'></rect></svg>", "svg", ""),
        ("<p>One <em x>two</em></p>", "em", "two"),
        ("<body x>text</body>", "body", ""),
    ],
)
def test_the_target_is_the_interactive_element_around_the_node(html, tag, name):
    html = html if html.startswith("<body") else f"<body>{html}</body>"
    target = Page(f"<html>{html}</html>").target()
    assert (target.tag, target.name) == (tag, name)


def test_the_text_of_a_button_is_hit_as_the_button():
    page = Page("<button key='b'>Save</button>")
    text = page.tree["childNodes"][0]["childNodes"][1]["childNodes"][0]["childNodes"][0]["id"]
    assert page.mirror.target_of(text) == page.target("b")


def test_shadow_roots_are_looked_through_from_inside():
    target = Page(
        "<my-button role='button'><template shadowrootmode='open'><b x>Buy</b></template></my-button>"
    ).target()
    assert (target.tag, target.name, target.role) == ("my-button", "Buy", "button")
    inner = Page("<x-form><template shadowrootmode='open'><button x>Send</button></template></x-form>").target()
    assert (inner.tag, inner.name, inner.selector) == ("button", "Send", "button:nth-of-type(1)")


def test_ids_mean_elements_of_the_same_shadow_root():
    page = Page(
        "<span id='l'>Outer</span><x-f><template shadowrootmode='open'>"
        "<span id='l'>Inner</span><input x aria-labelledby='l'></template></x-f>"
    )
    assert page.target().name == "Inner"


def test_a_frame_is_a_page_of_its_own():
    html = "<a href='/outer'><iframe><html><body><p x>Text in a frame</p></body></html></iframe></a>"
    target = Page(html).target()
    assert (target.tag, target.name, target.selector) == ("p", "Text in a frame", "p:nth-of-type(1)")
