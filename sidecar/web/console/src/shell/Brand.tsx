import icon from "./icon.svg";
import styles from "./Brand.module.css";

/** The mark and the name. */
export function Brand() {
  return (
    <span className={styles.brand}>
      <img src={icon} alt="" width="24" height="24" />
      Afterimage
    </span>
  );
}
