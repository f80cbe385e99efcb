import type { ButtonHTMLAttributes, ReactNode, Ref } from "react";
import styles from "./Button.module.css";

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** How much it asks for attention; one `primary` a view. */
  kind?: "primary" | "plain" | "quiet" | "danger";
  size?: "normal" | "small";
  ref?: Ref<HTMLButtonElement>;
}

/** A button; `type` is "button" by default, so that none submits a form by accident. */
export function Button({ kind = "plain", size = "normal", className, type = "button", ...rest }: ButtonProps) {
  return <button type={type} className={[styles.button, styles[kind], styles[size], className].join(" ")} {...rest} />;
}

interface IconButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "children"> {
  /** Its action, for screen readers and as a tooltip. */
  label: string;
  /** Key that does the same, shown in the tooltip. */
  shortcut?: string;
  children: ReactNode;
}

/** A square button with an icon and a name. */
export function IconButton({ label, shortcut, className, type = "button", children, ...rest }: IconButtonProps) {
  return (
    <button
      type={type}
      className={[styles.button, styles.icon, className].join(" ")}
      aria-label={label}
      title={shortcut === undefined ? label : `${label} (${shortcut})`}
      {...rest}
    >
      {children}
    </button>
  );
}
