"""Selectors: their basis, and that they are the same in other visits."""

from __future__ import annotations

import pytest
from audit.behaviour.targets.pages import Page

from services.audit.behaviour.targets.generated import is_generated, stable_class

SELECTORS = [
    ("<button x data-testid='pay' id='p' class='c'>Pay</button>", '[data-testid="pay"]'),
    ("<button x data-cy='pay'>Pay</button>", '[data-cy="pay"]'),
    ("<button x data-qa='pay \"now\"'>Pay</button>", '[data-qa="pay \\"now\\""]'),
    ("<button x data-test-id='pay'>Pay</button>", '[data-test-id="pay"]'),
    ("<button x data-pw='pay'>Pay</button>", '[data-pw="pay"]'),
    ("<button x data-testid='8f14e45f-ea2a-4d1c-9b6a-0f2f6f1a7c11' id='pay'>Pay</button>", "#pay"),
    ("<button x id='checkout-button'>Pay</button>", "#checkout-button"),
    ("<button x id='pay.now'>Pay</button>", "#pay\\.now"),
    ("<form id='login'><input x name='email'></form>", '#login input[name="email"]'),
    (
        "<form id='ship'><input x type='radio' name='ship' value='express'></form>",
        '#ship input[name="ship"][value="express"]',
    ),
    ("<div data-testid='cart'><a x href='/checkout'>Go</a></div>", '[data-testid="cart"] a[href*="/checkout"]'),
    ("<nav><a x href='https://shop.example/pricing?utm=1'>Prices</a></nav>", 'nav a[href*="/pricing"]'),
    ("<nav><a x href='https://shop.example/orders/123456/items'>Order</a></nav>", 'nav a[href*="/orders/"]'),
    ("<nav><a x href='https://shop.example/#/completed'>Done</a></nav>", 'nav a[href$="#/completed"]'),
    ("<nav><a x href='https://shop.example/'>Home</a></nav>", 'nav a[href$="/"]'),
    ("<main><a x href='mailto:a@b.example'>Mail</a></main>", 'a[href^="mailto:"]'),
    ("<button x aria-label='Close'></button>", 'button[aria-label="Close"]'),
    ("<button x aria-label='3 new messages' class='inbox'></button>", "button.inbox"),
    ("<button x class='btn btn-danger mt-4 is-active'>Delete</button>", "button.btn-danger"),
    ("<button x class='flex px-4 py-2 rounded-md hover:bg-blue-500 submit-order'>Go</button>", "button.submit-order"),
    ("<button x class='css-1q2w3e4 e1abc2d0'>Go</button>", "button:nth-of-type(1)"),
    ("<button x class='sc-bdVaJa kZqRbX'>Go</button>", "button:nth-of-type(1)"),
    ("<button x class='Button_primary__3xY2z'>Go</button>", 'button[class*="Button_primary__"]'),
    ("<button x class='card__title'>Go</button>", "button.card__title"),
    ("<form><button x type='submit'>Go</button></form>", 'button[type="submit"]'),
    ("<form><input x type='submit' value='Send'></form>", 'input[value="Send"]'),
    (
        "<div id='list'><p>a</p><p>b<button>1</button><button x>2</button></p></div>",
        "#list > p:nth-of-type(2) > button:nth-of-type(2)",
    ),
    ("<div id='radix-:r1:'><button x id=':r3:'>Go</button></div>", "div:nth-of-type(1) > button:nth-of-type(1)"),
    ("<p x id='masked-a1b2' class='intro'>***</p>", "p.intro"),
    ("<input x name='***' placeholder='***'>", "input:nth-of-type(1)"),
    ("<my-button x>Go</my-button>", "my-button:nth-of-type(1)"),
    ("<button x id='1st-button'>Go</button>", "#\\31 st-button"),
]


@pytest.mark.parametrize(("html", "selector"), SELECTORS, ids=range(len(SELECTORS)))
def test_a_selector_stands_on_what_people_wrote(html, selector):
    assert Page(html).target().selector == selector


VISITS = [  # one element in two visits
    (
        "<ul class='todo'><li class='item active'><button class='css-abc12d toggle' x></button></li></ul>",
        (
            "<div hidden></div><ul class='todo'><li class='item'></li></ul>"
            "<ul class='todo'><li class='item'><button class='css-zzz98q toggle' x></button></li></ul>"
        ),
    ),
    (
        "<div id='radix-:r1:'><button class='Nav_link__aB3dE' x>Menu</button></div>",
        "<div id='radix-:r9:'><button class='Nav_link__9ZkQ2' x>Menu (3)</button></div>",
    ),
    (
        "<div id='ember123'><input id='ember124-input' name='email' x></div>",
        "<div id='ember991'><input id='ember1002-input' name='email' x></div>",
    ),
    (
        "<nav><a class='nav-link active' href='/a'>A</a><a class='nav-link' href='/b' x>B</a></nav>",
        "<nav><a class='nav-link' href='/a'>A</a><a class='nav-link active' href='/b?from=a' x>B</a></nav>",
    ),
    (
        "<a href='/orders/1234567' class='order-link' x>Order 1234567</a>",
        "<a href='/orders/7654321' class='order-link' x>Order 7654321</a>",
    ),
    (
        "<div class='MuiBox-root css-vubbuv'><button class='MuiButton-root css-1a2b3c' id='mui-42' x>Go</button></div>",
        "<div class='MuiBox-root css-i4bv87'><button class='MuiButton-root css-9z8y7x' id='mui-7' x>Go</button></div>",
    ),
    (
        "<div data-testid='cart'><ul><li><button class='remove' x>x</button></li></ul></div>",
        "<div data-testid='cart'><ul><li></li><li></li><li><button class='remove' x>x</button></li></ul></div>",
    ),
    (
        "<section class='svelte-1tky8bj panel'><button aria-label='Close' class='svelte-1tky8bj' x></button></section>",
        "<section class='panel svelte-zz0a'><button aria-label='Close' class='open svelte-zz0a' x></button></section>",
    ),
]


@pytest.mark.parametrize(("first", "second"), VISITS, ids=range(len(VISITS)))
def test_the_same_element_has_the_same_selector_in_two_visits(first, second):
    one, two = Page(first).target(), Page(second, first_id=5_000).target()
    assert one.selector == two.selector
    assert one.selector


@pytest.mark.parametrize(
    "name",
    [
        *(":r1:", "radix-:r3:", "«r2»", "_r_1a_", "headlessui-menu-button-12", "ember123", "react-select-2-input"),
        *("mui-57", "mat-input-0", "select2-country-x7", "8f14e45fceea167a", "8f14e45f-ea2a-4d1c-9b6a-0f2f6f1a7c11"),
        *("field-1234567", "ext-gen1042", "a8f3kq2", "CUG17/Y=", "x", "42", "uid-9f8e7d", "el-id-1024-12"),
    ],
)
def test_names_that_programs_make_are_known(name):
    assert is_generated(name)


@pytest.mark.parametrize(
    "name",
    [
        *("checkout", "new-todo", "login-form", "exampleInputEmail", "dataTable_filter", "main", "api_key_value"),
        *("operations-pets-get_pets", "userDropdown", "toggle-all", "sign_in", "größe", "search2", "isbn", "rhythms"),
    ],
)
def test_names_that_people_give_are_kept(name):
    assert not is_generated(name)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        *((name, "") for name in ("mt-4", "md:flex", "w-1/2", "bg-white", "d-flex", "col-md-6", "text-center", "row")),
        *((name, "") for name in ("active", "is-open", "ng-untouched", "nav-link--active", "router-link-active")),
        *((name, "") for name in ("css-1q2w3e", "css-vubbuv", "sc-bdVaJa", "jsx-1234567", "jss12", "r-1udh08x")),
        *((name, "") for name in ("svelte-1tky8bj", "undefined", "[&>svg]:w-4", "-mt-2", "kZqRbX")),
        *((name, name) for name in ("submit-order", "navbar-brand", "card__title", "MuiButton-root", "btn-primary")),
        *((name, name) for name in ("c-button", "js-submit", "todo-list", "ant-btn", "productCard", "opblock-summary")),
        ("Button_primary__3xY2z", "Button_primary__"),
        ("Header-module--logo--1a2b3", "Header-module--logo--"),
    ],
)
def test_classes_count_without_hashes_states_and_looks(name, kept):
    assert stable_class(name) == kept


def test_a_long_selector_is_shortened_from_the_front():
    deep = "".join(
        f"<div class='a-very-long-class-of-a-component-{'abcdefgh'[n]} and-another-long-one'>" for n in range(8)
    )
    selector = Page(f"{deep}<b x></b>").target().selector
    assert 0 < len(selector) <= 256
    assert selector.endswith("b:nth-of-type(1)")
