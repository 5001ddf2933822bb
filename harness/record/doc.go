// Package record writes the events of one case into the journal: redacted, bounded in
// number and in size, since what comes from the implementation is hostile in both. It also
// keeps what a channel of the implementation carried, for checks and for the ends of texts
// that a report shows.
package record
