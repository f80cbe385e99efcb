import styles from "./Brand.module.css";
import icon from "./icon.svg";

/** The mark and the name. */
export function Brand() {
  return (
    <span className={styles.brand}>
      <img src={icon} alt="" width="24" height="24" />
      Afterimage
    </span>
  );
}
