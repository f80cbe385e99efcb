// The data of a report of a page's heatmaps, as services/export/formats/report_heatmaps.py hands it over: AuditService's
// answers, and the picture of the moment that `moment` names.
import { fromBinary } from "@bufbuild/protobuf";
import {
  type GetHeatmapRequest,
  GetHeatmapRequestSchema,
  GetHeatmapResponseSchema,
  ListInteractionsResponseSchema,
} from "@contract/audit/v1/audit_service_pb";
import type { HeatmapKind } from "@contract/audit/v1/heatmap_pb";
import type { DeviceType } from "@contract/recording/v1/enums_pb";
import { resolutionFor } from "../heatmap/choice";
import { type DeviceShare, type Extent, type HeatmapData, heatmapDataOf } from "../heatmap/heatmapData";
import { literalPart, nearest, type PageMoment, pageMomentOf, widthApart } from "../heatmap/pageMoment";
import { bytesOf } from "../offline/parts";
import type { ReportContext } from "./sessionReportData";

/** Used where the page's size is not known. */
const USUAL_PAGE: Extent = { width: 1280, height: 2400 };

/** A viewport that differs in width by no more than this part lays the page out as the typical one does. */
const ALIKE = 0.1;

export class HeatmapsReportData {
  readonly #show: (data: HeatmapsReportData) => Promise<void>;
  context: ReportContext = { consoleUrl: "", createdMs: 0 };
  request: GetHeatmapRequest = fromBinary(GetHeatmapRequestSchema, new Uint8Array());
  readonly heats = new Map<HeatmapKind, HeatmapData>();
  /** Picture of the page; empty: none. */
  picture = "";
  /** The moment that the picture shows; null: no recording shows the page. */
  shown: PageMoment | null = null;
  #devices: readonly DeviceShare[] = [];
  #device: DeviceType | undefined;
  readonly #moments: PageMoment[] = [];

  constructor(show: (data: HeatmapsReportData) => Promise<void>) {
    this.#show = show;
  }

  /** Begins with the request: a GetHeatmapRequest in base64, without a kind. */
  begin(context: ReportContext, request: string): void {
    this.context = context;
    this.request = fromBinary(GetHeatmapRequestSchema, bytesOf(request));
  }

  /**
   * Chooses the device: layouts are not mixed.
   *
   * @param answer A GetHeatmapResponse in base64, of any kind and the devices of the request.
   * @returns The device with the most sessions; 0: those of the request, or the only one.
   */
  choose(kind: HeatmapKind, answer: string): number {
    const { devices } = heatmapDataOf(kind, fromBinary(GetHeatmapResponseSchema, bytesOf(answer)));
    const [most, other] = devices;
    if (this.request.deviceTypes.length > 0 || most === undefined || other === undefined) {
      return 0;
    }
    this.#devices = devices;
    this.#device = most.device;
    return most.device;
  }

  /** Takes a heatmap: a GetHeatmapResponse in base64. Returns the cells that its page needs; 0: it has enough. */
  take(kind: HeatmapKind, answer: string): number {
    const heat = heatmapDataOf(kind, fromBinary(GetHeatmapResponseSchema, bytesOf(answer)));
    const device = this.#device;
    this.heats.set(kind, device === undefined ? heat : { ...heat, devices: this.#devices, device });
    const resolution = resolutionFor(heat.page);
    return heat.points.length > 0 && resolution > heat.resolution ? resolution : 0;
  }

  /** Part of the page's name that the addresses of its visits have in common. */
  literal(): string {
    return literalPart(this.request.page);
  }

  /** Looks for the page in a session's PAGE interactions: a ListInteractionsResponse. Returns whether it is as wanted. */
  visits(answer: string): boolean {
    const { interactions } = fromBinary(ListInteractionsResponseSchema, bytesOf(answer));
    const moment = pageMomentOf(interactions, this.request.page, this.viewport);
    const { minViewportWidth: least, maxViewportWidth: most } = this.request;
    if (moment === undefined || moment.viewport.width < least || (most > 0 && moment.viewport.width > most)) {
      return false;
    }
    this.#moments.push(moment);
    return widthApart(moment, this.viewport) <= this.viewport.width * ALIKE;
  }

  /** Returns the moment to draw, and the size of the whole page; null: no recording shows the page. */
  moment(): (PageMoment & { page: Extent }) | null {
    const found = nearest(this.#moments, this.viewport);
    return found === undefined || this.heats.size === 0 ? null : { ...found, page: this.page };
  }

  /** Takes the picture: a JPEG in base64. */
  drawn(data: string): void {
    this.picture = `data:image/jpeg;base64,${data}`;
    this.shown = this.moment();
  }

  /** Lays the report out. */
  async show(): Promise<void> {
    await this.#show(this);
  }

  /** Size of the page, in CSS pixels: that of the first heatmap with interactions. */
  get page(): Extent {
    const { page } = this.#typical;
    return page.width > 0 && page.height > 0 ? page : USUAL_PAGE;
  }

  get viewport(): Extent {
    return this.#typical.viewport;
  }

  get #typical(): { page: Extent; viewport: Extent } {
    const none = { page: USUAL_PAGE, viewport: { width: 1280, height: 720 } };
    return [...this.heats.values()].find((heat) => heat.points.length > 0 && heat.page.width > 0) ?? none;
  }
}
