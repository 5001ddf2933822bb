package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// Spread says how a set of measurements lies: the median is the result, the rest
// tells how far to trust it.
type Spread struct {
	Min    float64 `json:"min"`
	Q1     float64 `json:"q1"`
	Median float64 `json:"median"`
	Q3     float64 `json:"q3"`
	Max    float64 `json:"max"`
}

// spreadOf sorts values and reads off the quartiles, between neighbours where a
// quartile falls between two. Without values all are NaN, which has no JSON form:
// a line that measured nothing cannot be written.
func spreadOf(values []float64) Spread {
	if len(values) == 0 {
		none := math.NaN()
		return Spread{none, none, none, none, none}
	}
	sorted := slices.Sorted(slices.Values(values))
	at := func(part float64) float64 {
		place := part * float64(len(sorted)-1)
		low := int(place)
		high := min(low+1, len(sorted)-1)
		return sorted[low] + (sorted[high]-sorted[low])*(place-float64(low))
	}
	return Spread{sorted[0], at(0.25), at(0.5), at(0.75), sorted[len(sorted)-1]}
}

// pair is one measurement of what is judged and one of its floor, taken one right
// after the other.
type pair struct{ subject, floor sample }

// sample is one measurement.
type sample struct {
	took     time.Duration
	timeline []span // how it was spent, where that is known
}

// side measures once. It fails where the work was not done as it should be: a
// quick failure is no measurement.
type side func(context.Context) (sample, error)

// warmUps are the pairs before the first that counts: page cache, connection
// pools, heap.
const warmUps = 2

// interleaved measures n pairs after warm-up. Which side goes first alternates, so
// that neither always finds the machine as the other left it.
func interleaved(ctx context.Context, n, warm int, subject, floor side) ([]pair, error) {
	var pairs []pair
	for i := range warm + n {
		var p pair
		first, second := measurement{"subject", subject, &p.subject}, measurement{"floor", floor, &p.floor}
		if i%2 == 1 {
			first, second = second, first
		}
		for _, m := range []measurement{first, second} {
			got, err := m.side(ctx)
			if err != nil {
				return nil, fmt.Errorf("pair %d, %s: %w", i-warm+1, m.name, err)
			}
			if got.took <= 0 {
				return nil, fmt.Errorf("pair %d, %s: took %v", i-warm+1, m.name, got.took)
			}
			*m.into = got
		}
		if i >= warm {
			pairs = append(pairs, p)
		}
	}
	return pairs, nil
}

type measurement struct {
	name string
	side side
	into *sample
}

// ratios divides within each pair: subject by floor, or floor by subject where
// speed is judged.
func ratios(pairs []pair, speed bool) Spread {
	var values []float64
	for _, p := range pairs {
		r := float64(p.subject.took) / float64(p.floor.took)
		if speed {
			r = 1 / r
		}
		values = append(values, r)
	}
	return spreadOf(values)
}

// milliseconds is the spread of one side of the pairs.
func milliseconds(pairs []pair, of func(pair) sample) Spread {
	var values []float64
	for _, p := range pairs {
		values = append(values, inMilliseconds(of(p).took))
	}
	return spreadOf(values)
}

func inMilliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
