// The whole shop: a catalogue, a basket in localStorage, and one bug on purpose (account.html).
const CATALOGUE = [
  { id: "harbour", name: "Harbour table lamp", kind: "lamp", price: 89, tone: "#f2b84b", text: "A brass foot and a linen shade that turns evenings amber." },
  { id: "drift", name: "Drift wool throw", kind: "textile", price: 64, tone: "#8a9a7b", text: "Woven slowly from undyed wool, 130 by 180 cm." },
  { id: "orbit", name: "Orbit pendant", kind: "lamp", price: 149, tone: "#d98a5b", text: "A folded paper globe for over the long table." },
  { id: "fjord", name: "Fjord curtain pair", kind: "textile", price: 112, tone: "#7b93a6", text: "Half-sheer linen that lets the morning in." },
  { id: "ember", name: "Ember bedside lamp", kind: "lamp", price: 59, tone: "#c9573a", text: "Touch to dim, down to the glow of a candle." },
  { id: "meadow", name: "Meadow cushion", kind: "textile", price: 34, tone: "#b7a24a", text: "Block-printed cotton, filled with kapok." },
  { id: "pillar", name: "Pillar floor lamp", kind: "lamp", price: 219, tone: "#e5c48a", text: "Oak and opal glass, 160 cm tall." },
  { id: "tide", name: "Tide table runner", kind: "textile", price: 42, tone: "#5f8a8b", text: "Two shades of blue, one quiet rhythm." },
];

const money = (amount) => `€${amount.toFixed(2)}`;
const byId = (id) => document.getElementById(id);
const product = (id) => CATALOGUE.find((item) => item.id === id);
const basket = () => JSON.parse(localStorage.getItem("basket") ?? "{}");

function art({ kind, tone }) {
  return kind === "lamp"
    ? `<svg viewBox="0 0 100 120"><circle cx="50" cy="45" r="44" fill="${tone}" opacity=".25"/><path d="M32 20h36l14 40H18z" fill="${tone}"/><path d="M48 60h4v48h-4z" fill="#5b4636"/><path d="M30 108h40v6H30z" fill="#5b4636"/></svg>`
    : `<svg viewBox="0 0 100 120"><path d="M14 24q36 14 72 0v84q-36 12-72 0z" fill="${tone}"/><path d="M14 48q36 14 72 0M14 72q36 14 72 0M14 94q36 14 72 0" fill="none" stroke="#fff" stroke-width="3" opacity=".6"/></svg>`;
}

function keep(items) {
  localStorage.setItem("basket", JSON.stringify(items));
  showCount();
}

function showCount() {
  byId("count").textContent = Object.values(basket()).reduce((sum, quantity) => sum + quantity, 0);
}

function toast(text) {
  const note = Object.assign(document.createElement("div"), { className: "toast", textContent: text });
  document.body.append(note);
  setTimeout(() => note.remove(), 2500);
}

function frame() {
  document.body.insertAdjacentHTML("afterbegin", `<header><a class="brand" href="index.html">Lumen <span>&amp;</span> Loom</a>
    <nav><a href="index.html">Shop</a><a href="journal.html">Journal</a><a href="account.html">Account</a>
    <a href="cart.html">Basket <span class="count" id="count">0</span></a></nav></header>`);
  document.body.insertAdjacentHTML("beforeend", "<footer>Lumen &amp; Loom is an invented shop. Nothing here can be bought.</footer>");
  showCount();
}

const pages = {
  list() {
    const draw = (kind) => {
      byId("grid").innerHTML = CATALOGUE.filter((item) => kind === "all" || item.kind === kind).map((item) =>
        `<a class="card" href="product.html?id=${item.id}" data-id="${item.id}"><div class="art">${art(item)}</div><h3>${item.name}</h3><span class="price">${money(item.price)}</span></a>`).join("");
      for (const chip of document.querySelectorAll(".chip")) chip.setAttribute("aria-pressed", String(chip.dataset.kind === kind));
    };
    for (const chip of document.querySelectorAll(".chip")) chip.addEventListener("click", () => draw(chip.dataset.kind));
    draw("all");
  },

  product() {
    const item = product(new URLSearchParams(location.search).get("id"));
    document.title = `${item.name} - Lumen & Loom`;
    byId("art").innerHTML = art(item);
    byId("name").textContent = item.name;
    byId("text").textContent = item.text;
    byId("price").textContent = money(item.price);
    byId("add").addEventListener("click", () => {
      const items = basket();
      items[item.id] = (items[item.id] ?? 0) + Number(byId("quantity").value);
      keep(items);
      toast(`${item.name} is in your basket`);
      console.info("basket changed", items);
    });
  },

  cart() {
    const draw = () => {
      const items = basket();
      byId("rows").innerHTML = Object.entries(items).map(([id, quantity]) =>
        `<tr><td>${product(id).name}</td><td><button data-id="${id}" data-step="-1">-</button> ${quantity} <button data-id="${id}" data-step="1">+</button></td><td>${money(product(id).price * quantity)}</td></tr>`).join("");
      byId("total").textContent = money(Object.entries(items).reduce((sum, [id, quantity]) => sum + product(id).price * quantity, 0));
    };
    byId("rows").addEventListener("click", ({ target }) => {
      if (!target.dataset.step) return;
      const items = basket();
      items[target.dataset.id] += Number(target.dataset.step);
      if (items[target.dataset.id] <= 0) delete items[target.dataset.id];
      keep(items);
      draw();
    });
    draw();
  },

  checkout() {
    byId("order").addEventListener("submit", async (event) => {
      event.preventDefault();
      byId("pay").textContent = "Placing your order ...";
      const answer = await fetch("api/orders", { method: "POST", body: JSON.stringify(basket()) });
      const { number } = await answer.json();
      keep({});
      location.href = `thanks.html?order=${number}`;
    });
  },

  thanks() {
    byId("number").textContent = new URLSearchParams(location.search).get("order");
  },

  account() {
    const orders = { "LL-2041": { invoice: { lines: ["1 x Harbour table lamp"] } }, "LL-2077": {} };
    setTimeout(() => console.warn("account: the session is about to end, renewing it"), 600);
    byId("refresh").addEventListener("click", async () => {
      const answer = await fetch("api/orders?page=2");
      if (answer.ok) return;
      console.warn("account: orders could not be loaded", answer.status);
      byId("notice").hidden = false;
    });
    for (const button of document.querySelectorAll("[data-invoice]")) {
      // The bug of this page: an order without an invoice throws.
      button.addEventListener("click", () => toast(orders[button.dataset.invoice].invoice.lines.join(", ")));
    }
  },

  journal() {},
};

frame();
pages[document.body.dataset.page]();
