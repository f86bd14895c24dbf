package belief

import "math"

// Table is what is foretold of each server's load at some times from now on,
// if nobody is told anything new. It is immutable.
type Table struct {
	Grid    []float64 // times ahead, in seconds, ascending
	Gone    []float64 // part of the sessions of now that have ended by then
	Shares  []float64 // of the capacity, by slot
	Loads   []float64 // believed now, by slot
	Settled int64     // until when the belief is but a guess, in nanoseconds
	Limit   float64   // how much of its share a server may be loaded with, 1 and above

	ahead []float64 // slot*len(Grid) + time
}

// Ahead is the load foretold of a slot, at each time of the grid.
func (t *Table) Ahead(slot uint16) []float64 {
	g := len(t.Grid)
	return t.ahead[int(slot)*g : int(slot)*g+g]
}

// Slots is how many servers the table knows.
func (t *Table) Slots() int { return len(t.Loads) }

// Table is the last that was made.
func (b *Belief) Table() *Table { return b.table.Load() }

// step is a piece of the time ahead in which nothing expires.
type step struct {
	keep float64 // of the sessions at its beginning
	grid int     // the grid's time at its end, or -1
	cell int     // the bucket that expires at its end, or -1
}

// Foretell makes a new table, for the times of the grid in seconds.
func (b *Belief) Foretell(grid, shares []float64, limit float64) {
	k := b.book.Load()
	for i := range k.recent {
		k.recent[i].Store(0) // the cells have it
	}
	n := min(len(b.load), k.slots)
	t := &Table{Grid: grid, Shares: shares, Limit: limit, Settled: b.settled, Gone: make([]float64, len(grid)),
		Loads: append([]float64(nil), b.load[:n]...), ahead: make([]float64, n*len(grid))}
	for i, at := range grid {
		t.Gone[i] = 1 - math.Exp(-at/b.tau)
	}
	steps := b.steps(k, grid)
	free := freed(k, n, steps)
	for slot := range n {
		b.foretell(t, k, slot, steps, free)
	}
	b.table.Store(t)
}

// steps cuts the time ahead at the grid's times and where answers expire.
func (b *Belief) steps(k *book, grid []float64) []step {
	steps := make([]step, 0, len(grid)+buckets)
	at, n := 0.0, b.last/k.width+1
	for g := 0; g < len(grid); {
		end := step{grid: g, cell: -1}
		until := grid[g]
		if expiry := float64(n*k.width-b.last) / 1e9; expiry < until && n < b.last/k.width+buckets {
			until, end = expiry, step{grid: -1, cell: int(n % buckets)}
			n++
		} else {
			g++
		}
		end.keep = math.Exp(-(until - at) / b.tau)
		at = until
		steps = append(steps, end)
	}
	return steps
}

// freed is, for each step, the demand that no answer tells anything.
func freed(k *book, slots int, steps []step) []float64 {
	var told int64
	for slot := range slots {
		told += k.told(slot)
	}
	free := make([]float64, len(steps))
	for i, s := range steps {
		free[i] = max(0, 1-float64(told)/Whole)
		if s.cell >= 0 {
			for slot := range slots {
				told -= k.cells[slot*buckets+s.cell].Load()
			}
		}
	}
	return free
}

func (b *Belief) foretell(t *Table, k *book, slot int, steps []step, free []float64) {
	load, told, share := b.load[slot], float64(k.told(slot))/Whole, shareOf(t.Shares, slot)
	for i, s := range steps {
		load = load*s.keep + (told+share*free[i])*(1-s.keep)
		if s.grid >= 0 {
			t.ahead[slot*len(t.Grid)+s.grid] = load
		} else {
			told = max(0, told-float64(k.cells[slot*buckets+s.cell].Load())/Whole)
		}
	}
}
