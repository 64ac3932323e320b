// The card on a page of its own: times in the browser's zone, and the chart.
import { localise } from "./times.js";
import "./vram-chart.js";

localise(document);
