// Kinds of device in the choice of a heatmap.
import { DeviceType } from "@contract/recording/v1/enums_pb";

/** Devices that can be chosen, by their names in addresses. */
export const DEVICES = [
  { name: "desktop", label: "Desktop", device: DeviceType.DESKTOP },
  { name: "mobile", label: "Mobile", device: DeviceType.MOBILE },
  { name: "tablet", label: "Tablet", device: DeviceType.TABLET },
  { name: "other", label: "Other", device: DeviceType.OTHER },
] as const;

/** Name in addresses of all devices together; their pages have several layouts. */
export const ALL_DEVICES = "all";
