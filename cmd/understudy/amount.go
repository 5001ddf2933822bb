package main

import (
	"errors"
	"strconv"
	"time"
	"unicode"

	"github.com/docker/go-units"
)

// age is the value of a flag: a time as Go writes it, 12h30m, or a number of days, 30d.
type age struct{ time.Duration }

func (a *age) Type() string { return "time" }

func (a *age) String() string {
	if a.Duration == 0 {
		return ""
	}
	return a.Duration.String()
}

// Set reads the value.
func (a *age) Set(text string) error {
	const day, longest = 24 * time.Hour, 100 * 365
	if last := len(text) - 1; last > 0 && text[last] == 'd' {
		if days, err := strconv.ParseUint(text[:last], 10, 16); err == nil && days > 0 && days <= longest {
			a.Duration = time.Duration(days) * day
			return nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return errors.New("want a time such as 30d or 12h")
	}
	a.Duration = d
	return nil
}

// octets is the value of a flag: a size with its unit, such as 500MB or 5GB, in powers of ten.
type octets int64

func (o *octets) Type() string { return "size" }

func (o *octets) String() string {
	if *o == 0 {
		return ""
	}
	return units.HumanSize(float64(*o))
}

// Set reads the value.
func (o *octets) Set(text string) error {
	n, err := units.FromHumanSize(text)
	if err != nil || n <= 0 || !unicode.IsLetter(rune(text[len(text)-1])) {
		return errors.New("want a size with its unit, such as 500MB or 5GB; --cache alone removes everything")
	}
	*o = octets(n)
	return nil
}
