"""Scripts that change a page's JavaScript, written after kinds of libraries; each is a page's first script."""

PROTOTYPE_1_6 = """
(function () {
  var toText = function (value) {
    if (value && value.toJSON) return value.toJSON();
    return typeof value === "object" ? "{}" : String(value);
  };
  Array.prototype.toJSON = function () {
    var found = [];
    for (var i = 0; i < this.length; i++) found.push(toText(this[i]));
    return "[" + found.join(", ") + "]";
  };
  String.prototype.toJSON = function () { return '"' + this + '"'; };
  Number.prototype.toJSON = function () { return isFinite(this) ? this.toString() : "null"; };
  Array.from = function (items) {
    if (!items) return [];
    if (items.toArray) return items.toArray();
    var length = items.length || 0, found = new Array(length);
    while (length--) found[length] = items[length];
    return found;
  };
  Array.prototype.reduce = function () { return this.length > 1 ? this : this[0]; };
  Array.prototype.toArray = Array.prototype.entries = function () { return this.slice(); };
  Array.prototype.each = function (work) { for (var i = 0; i < this.length; i++) work(this[i], i); return this; };
  Array.prototype.find = Array.prototype.detect = function (work, self) {
    for (var i = 0; i < this.length; i++) if (work.call(self, this[i], i)) return this[i];
  };
  Array.prototype.map = Array.prototype.collect = function (work, self) {
    var found = [];
    for (var i = 0; i < this.length; i++) found.push(work ? work.call(self, this[i], i) : this[i]);
    return found;
  };
  Function.prototype.bind = function () {
    var method = this, args = Array.prototype.slice.call(arguments), self = args.shift();
    return function () { return method.apply(self, args.concat(Array.prototype.slice.call(arguments))); };
  };
  document.getElementsByClassName = function (name) { return Array.from(document.querySelectorAll("." + name)); };
  var Native = window.Element;
  window.Element = function (tag) { return document.createElement(tag); };
  for (var key in Native) window.Element[key] = Native[key];
  window.Element.prototype = Native.prototype;
})();
"""

PROTOTYPE_1_7 = """
Array.prototype.toJSON = function () { return "[" + this.join(", ") + "]"; };
Object.toJSON = function (value) { return JSON.stringify(value); };
Array.from = function (items) { return items ? Array.prototype.slice.call(items) : []; };
Object.keys = function (value) { var found = []; for (var key in value) found.push(key); return found; };
"""

MOOTOOLS = """
(function () {
  var slice = Array.prototype.slice;
  var isList = function (item) { return item != null && typeof item.length === "number" && typeof item !== "string"; };
  Array.from = function (item) { return item == null ? [] : isList(item) ? slice.call(item) : [item]; };
  Array.prototype.include = function (item) { if (this.indexOf(item) < 0) this.push(item); return this; };
  Array.prototype.contains = function (item) { return this.indexOf(item) >= 0; };
  Array.prototype.empty = function () { this.length = 0; return this; };
  String.prototype.contains = function (text) { return this.indexOf(text) > -1; };
  Function.prototype.bind = function (self, args) {
    var method = this;
    return function () { return method.apply(self, args || arguments); };
  };
  Number.from = function (item) { var number = parseFloat(item); return isFinite(number) ? number : null; };
  Object.append = function (target, from) { for (var key in from) target[key] = from[key]; return target; };
  var Native = window.Element;
  window.Element = function (tag, properties) { return Object.append(document.createElement(tag), properties); };
  window.Element.prototype = Native.prototype;
  window.JSON = {
    encode: function (value) { return "" + value; },
    decode: function () { return null; },
    stringify: function (value) { return "" + value; },
    parse: function () { return null; },
  };
})();
"""

ZONE = """
(function () {
  window.zoned = 0;
  var originals = new Map();
  var replace = function (owner, name, make) {
    var original = owner[name];
    owner["__zone_symbol__" + name] = original;
    owner[name] = make(original);
    originals.set(owner[name], original);
  };
  window.Zone = {current: {name: "<root>"}, __symbol__: function (name) { return "__zone_symbol__" + name; }};
  ["setTimeout", "setInterval"].forEach(function (name) {
    replace(window, name, function (original) {
      return function (work, ms) { return original.call(window, function () { window.zoned += 1; work(); }, ms); };
    });
  });
  replace(EventTarget.prototype, "addEventListener", function (original) {
    return function (name, work, options) {
      var zoned = work && function () { window.zoned += 1; return (work.handleEvent || work).apply(work, arguments); };
      return original.call(this, name, zoned, options);
    };
  });
  replace(window, "MutationObserver", function (Original) {
    return function (work) {
      return new Original(function (records) { window.zoned += 1; work(records); });
    };
  });
  replace(window, "Promise", function (Original) {
    class ZoneAwarePromise {
      constructor(work) { this.inner = new Original(work); }
      static resolve(value) { return new ZoneAwarePromise(function (done) { done(value); }); }
      static reject(error) { return new ZoneAwarePromise(function (done, fail) { fail(error); }); }
      static all(many) { return new ZoneAwarePromise(function (d, f) { Original.all(many).then(d, f); }); }
      then(done, failed) {
        var inner = this.inner;
        return new ZoneAwarePromise(function (d, f) { inner.then(done, failed).then(d, f); });
      }
      catch(failed) { return this.then(undefined, failed); }
    }
    return ZoneAwarePromise;
  });
  replace(window, "fetch", function (original) {
    return function (url, init) { return Promise.resolve(original.call(window, url, init)); };
  });
  replace(window, "WebSocket", function (Original) {
    return function (url, protocols) { return new Original(url, protocols); };
  });
  var print = Function.prototype.toString;
  Function.prototype.toString = function toString() { return print.call(originals.get(this) || this); };
  originals.set(Function.prototype.toString, print);
})();
"""

FROZEN = """
(function () {
  [
    Object, Function, Array, String, Number, Boolean, Symbol, BigInt, Date, RegExp, Error, TypeError, Promise, Map,
    Set, WeakMap, WeakSet, Proxy, ArrayBuffer, DataView, Uint8Array, EventTarget, Event, Node, Element, HTMLElement,
    Document, HTMLInputElement, HTMLSelectElement, HTMLTextAreaElement, HTMLOptionElement, HTMLMediaElement,
    MutationObserver, CSSStyleSheet, CSSGroupingRule, CSSStyleDeclaration, History, Storage, WebSocket, Response, Blob,
    ShadowRoot, CustomElementRegistry, FontFace,
  ].forEach(function (each) { Object.freeze(each.prototype); Object.freeze(each); });
  [JSON, Math, Reflect, Intl, Atomics, console, history, customElements].forEach(Object.freeze);
})();
"""

POLLUTED = """
Object.prototype.extend = function () { return this; };
Object.prototype.toJSON = function () { return "[object]"; };
Array.prototype.last = function () { return this[this.length - 1]; };
"""

OLD_COLLECTIONS = """
(function () {
  window.Map = function () { this.keysOf = []; };
  window.Map.prototype = {get: function () {}, set: function () {}, has: function () { return false; }};
  window.Set = function () {};
  window.Set.prototype = {add: function () {}, has: function () { return true; }, size: 0};
  window.WeakMap = window.Map;
  window.Promise = undefined;
  window.Reflect = undefined;
})();
"""

CLOCKS = """
Date.now = function () { return "yesterday"; };
"""

A_FIXED_DATE = """
(function () {
  var Native = Date;
  window.Date = class extends Native {
    constructor() { super(0); }
    static now() { return 0; }
  };
})();
"""

NO_OBSERVER = "window.MutationObserver = undefined;"

DEAF_OBSERVERS = "MutationObserver.prototype.observe = function () {};"

AN_OBSERVER_THAT_LOOKS_NATIVE = """
window.MutationObserver = class { observe() {} disconnect() {} takeRecords() { return []; } }.bind();
window.MutationObserver.prototype = {observe: function () {}, constructor: window.MutationObserver};
"""

DEAF_LISTENERS = """
(function () {
  var add = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (name) { if (name === "never") add.apply(this, arguments); };
})();
"""

STUBBORN_HISTORY = """
history.pushState = history.replaceState = function () {};
Object.freeze(history);
"""

BROKEN_CONSOLE = """
window.console = Object.freeze(new Proxy({}, {get() { throw new Error("no console"); }}));
"""

BROKEN_STORAGE = """
Storage.prototype.setItem = function () {};
Storage.prototype.getItem = function () { throw new Error("no"); };
"""

THROWING_COMPRESSION = "window.CompressionStream = function () { throw new Error('no'); };"

ENDLESS_COMPRESSION = """
window.CompressionStream = function () {
  return {readable: new ReadableStream(), writable: new WritableStream()};
};
"""

FALSE_COMPRESSION = "window.CompressionStream = class extends TransformStream { constructor() { super(); } };"

THROWING_FETCH = "window.fetch = function () { throw new Error('blocked'); };"
REJECTING_FETCH = "window.fetch = function () { return Promise.reject(new TypeError('Failed to fetch')); };"
SILENT_FETCH = "window.fetch = function () { return new Promise(function () {}); };"
EMPTY_FETCH = "window.fetch = function () { return Promise.resolve(new Response('')); };"

THROWING_SOCKET = """
window.WebSocket = function () { throw new DOMException("blocked", "SecurityError"); };
window.WebSocket.OPEN = 1;
"""
SILENT_SOCKET = """
window.WebSocket = class { send() {} close() {} addEventListener() {} };
"""
A_SOCKET_THAT_OPENS = """
window.WebSocket = class {
  constructor() { this.readyState = 1; setTimeout(() => this.onopen?.(), 10); }
  send() {}
  close() {}
};
"""
BLOCKER = (
    THROWING_SOCKET
    + REJECTING_FETCH
    + """
Navigator.prototype.sendBeacon = function () { throw new Error("blocked"); };
"""
)
NO_FRAMES = """
(function () {
  var create = Document.prototype.createElement;
  Document.prototype.createElement = function (name) {
    if (String(name).toLowerCase() === "iframe") throw new Error("no frames");
    return create.apply(this, arguments);
  };
})();
"""
