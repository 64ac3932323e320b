// A picture on its way to the server: made smaller here first, so that a photo of 48 megapixels goes through.
import { post } from "./http.js";

const LONGEST = 2048; // pixels; the server keeps no more than half of it
const QUALITY = 0.92;

/** Returns what the server kept: {source_id, thumb_url, name, …}. Throws RequestError. */
export async function sendPicture(url, file) {
  const body = new FormData();
  body.set("file", await smaller(file), file.name || "picture");
  return post(url, body);
}

/** What this browser cannot decode, HEIC for the most part, goes as it is. */
async function smaller(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file;
  }
  try {
    const scale = LONGEST / Math.max(bitmap.width, bitmap.height);
    if (scale >= 1) return file;
    return (await drawn(bitmap, scale, file.type === "image/png" ? "image/png" : "image/jpeg")) ?? file;
  } finally {
    bitmap.close();
  }
}

function drawn(bitmap, scale, type) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, type, QUALITY));
}

/** Returns the pictures among files that were dropped or pasted. */
export function picturesIn(files) {
  return [...(files ?? [])].filter((file) => file.type.startsWith("image/") || /\.hei[cf]$/i.test(file.name));
}

export function pictureIn(files) {
  return picturesIn(files)[0];
}
