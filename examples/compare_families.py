"""Which family is best on the digits, and can they be told apart? Prints a leaderboard.

python examples/compare_families.py
"""

from tuning import comparison, launch


def main(seeds: int = 5, epochs: int = 9) -> None:
    """Trains three families with `seeds` seeds each and prints their means and intervals."""
    for family in ("linear", "mlp", "cnn"):
        study = launch.train(family, "digits", seeds=seeds, epochs=epochs, name="families")
    for row in comparison.compare(study).rows:
        low, high = row.interval_new_data or (float("nan"),) * 2
        mark = "*" if row.in_best_set else " "
        print(f"{mark} {row.family:<8} {row.mean:.4f}  new data 95 %: {low:.4f} to {high:.4f}")


if __name__ == "__main__":
    main()
