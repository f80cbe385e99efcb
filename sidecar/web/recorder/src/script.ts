export { start } from "./index";
