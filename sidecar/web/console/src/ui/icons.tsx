import type { ReactNode } from "react";

function Icon({ children, filled = false }: { children: ReactNode; filled?: boolean }) {
  return (
    <svg
      width="16"
      height="16"
      viewBox="0 0 16 16"
      fill={filled ? "currentColor" : "none"}
      stroke={filled ? "none" : "currentColor"}
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

export const CloseIcon = () => (
  <Icon>
    <path d="M4 4l8 8M12 4l-8 8" />
  </Icon>
);
export const PlayIcon = () => (
  <Icon filled>
    <path d="M4.5 2.6v10.8a.6.6 0 0 0 .92.5l8.3-5.4a.6.6 0 0 0 0-1L5.42 2.1a.6.6 0 0 0-.92.5z" />
  </Icon>
);
export const PauseIcon = () => (
  <Icon filled>
    <rect x="3.5" y="2.5" width="3.2" height="11" rx="0.8" />
    <rect x="9.3" y="2.5" width="3.2" height="11" rx="0.8" />
  </Icon>
);
export const ReplayIcon = () => (
  <Icon>
    <path d="M3 8a5 5 0 1 0 1.6-3.7M3 2.5v2.8h2.8" />
  </Icon>
);
export const SkipIcon = () => (
  <Icon>
    <path d="M3 4l4.5 4L3 12zM8.5 4L13 8l-4.5 4z" />
  </Icon>
);
export const FullScreenIcon = () => (
  <Icon>
    <path d="M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10" />
  </Icon>
);
export const PanelIcon = () => (
  <Icon>
    <rect x="2" y="3" width="12" height="10" rx="1.5" />
    <path d="M10 3v10" />
  </Icon>
);
export const HelpIcon = () => (
  <Icon>
    <circle cx="8" cy="8" r="6" />
    <path d="M6.2 6.2a1.9 1.9 0 1 1 2.6 1.8c-.5.2-.8.6-.8 1.1v.2M8 11.3v.1" />
  </Icon>
);
export const SunIcon = () => (
  <Icon>
    <circle cx="8" cy="8" r="2.8" />
    <path d="M8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9" />
  </Icon>
);
export const MoonIcon = () => (
  <Icon>
    <path d="M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8z" />
  </Icon>
);
export const SystemThemeIcon = () => (
  <Icon>
    <circle cx="8" cy="8" r="5.8" />
    <path d="M8 2.2a5.8 5.8 0 0 1 0 11.6z" fill="currentColor" />
  </Icon>
);
export const ListIcon = () => (
  <Icon>
    <path d="M5.5 4H14M5.5 8H14M5.5 12H14M2.2 4h.1M2.2 8h.1M2.2 12h.1" />
  </Icon>
);
export const BroadcastIcon = () => (
  <Icon>
    <circle cx="8" cy="8" r="1.6" fill="currentColor" />
    <path d="M5 11a4.2 4.2 0 0 1 0-6M11 5a4.2 4.2 0 0 1 0 6M3 13a7 7 0 0 1 0-10M13 3a7 7 0 0 1 0 10" />
  </Icon>
);
export const FlameIcon = () => (
  <Icon>
    <path d="M8 1.8c.6 2.4 3.9 3.7 3.9 7.3a3.9 3.9 0 0 1-7.8 0c0-1.5.7-2.4 1.5-3.2.2 1 .7 1.6 1.3 1.8C6.600 5.600 6.700 3.600 8 1.800z" />
  </Icon>
);
export const ShareIcon = () => (
  <Icon>
    <path d="M6.700 9.300l2.600-2.600M5.800 7.600L4.300 9.100a2.500 2.500 0 0 0 3.600 3.600l1.500-1.500M10.200 8.400l1.500-1.500a2.500 2.500 0 0 0-3.600-3.600L6.600 4.800" />
  </Icon>
);
export const DownloadIcon = () => (
  <Icon>
    <path d="M8 2.500v7.500M4.800 7L8 10.200 11.200 7M3 13.500h10" />
  </Icon>
);
export const FilterIcon = () => (
  <Icon>
    <path d="M2 3.500h12L9.500 8.800v4.200l-3-1.500V8.800z" />
  </Icon>
);
export const BackIcon = () => (
  <Icon>
    <path d="M9.500 3.500L5 8l4.500 4.500" />
  </Icon>
);
export const SignOutIcon = () => (
  <Icon>
    <path d="M6 2.500H3.500a1 1 0 0 0-1 1v9a1 1 0 0 0 1 1H6M10 11l3-3-3-3M13 8H6" />
  </Icon>
);
