// shelf.mjs: as much of a Storage as is used.

export class Shelf {
	constructor(items = []) {
		this.items = new Map(items);
	}

	getItem(key) {
		return this.items.get(key) ?? null;
	}

	setItem(key, value) {
		this.items.set(key, value);
	}

	/** What a duplicated tab gets. */
	copy() {
		return new Shelf(this.items);
	}
}
