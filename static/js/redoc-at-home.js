// Redoc asks a site elsewhere for its makers' logo; nothing here is fetched from elsewhere.
HTMLImageElement.prototype.setAttribute = function setOwn(name, value) {
  const elsewhere = name === "src" && new URL(value, location.href).origin !== location.origin;
  if (!elsewhere || String(value).startsWith("data:")) {
    Element.prototype.setAttribute.call(this, name, value);
  } else {
    setTimeout(() => this.dispatchEvent(new Event("error"))); // as if it were not there
  }
};
