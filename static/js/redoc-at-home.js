// Redoc asks a site elsewhere for its makers' logo; nothing here is fetched from elsewhere.
const images = HTMLImageElement.prototype;
const source = Object.getOwnPropertyDescriptor(images, "src");
const setAttribute = Element.prototype.setAttribute;

function isElsewhere(address) {
  return new URL(address, location.href).origin !== location.origin && !String(address).startsWith("data:");
}

function fail(image) {
  setTimeout(() => image.dispatchEvent(new Event("error"))); // as if it were not there
}

images.setAttribute = function setOwnAttribute(name, value) {
  if (name.toLowerCase() === "src" && isElsewhere(value)) fail(this);
  else setAttribute.call(this, name, value);
};

Object.defineProperty(images, "src", {
  ...source,
  set(value) {
    if (isElsewhere(value)) fail(this);
    else source.set.call(this, value);
  },
});
