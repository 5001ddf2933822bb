package expect

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// kind says what varies at a place of a sentence.
type kind string

const (
	literal  kind = ""
	moment   kind = "moment"   // a point in time
	measure  kind = "measure"  // how long, or how often
	process  kind = "process"  // ids of processes
	token    kind = "token"    // UUIDs, nonces, hashes, addresses in memory
	location kind = "location" // paths and ports of the run
)

// slot is a form of what differs between two runs of the same thing. Open is the
// expression that stands for a match; $1 and $2 in it are groups of form, kept as
// they are.
type slot struct {
	kind kind
	form *regexp.Regexp
	open string
}

const (
	months   = `(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)`
	weekday  = `(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?`
	ofPIDs   = `((?i:\b|_)(?i:p?pids?|tid|process(?:es)?|(?:process|thread)[ _]ids?)["']?[ :=#]*\[?)`
	duration = `(?:\d+h)?(?:\d+m)?\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s)`
)

// slots are tried in this order where several begin at the same place.
var slots = []slot{
	{token, regexp.MustCompile(`\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b`), `[0-9A-Fa-f-]{36}`},
	{moment, regexp.MustCompile(`\b\d{4}([-/])\d\d[-/]\d\d`), `\d{4}$1\d\d$1\d\d`},
	{moment, regexp.MustCompile(`\b20\d{6}T\d{6}(?:\.\d+)?`), `\d{8}T[\d.]+`},
	{moment, regexp.MustCompile(weekday + `\b` + months + ` {1,2}\d{1,2}\b`), `[A-Za-z, ]+\d+`},
	{moment, regexp.MustCompile(weekday + `\b\d{1,2} ` + months + `\b(?: \d{4}\b)?`), `[A-Za-z, ]*\d+ \w{3}(?: \d{4})?`},
	{moment, regexp.MustCompile(`\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?`), `[\d:.,]+`},
	{moment, regexp.MustCompile(`T\d\d:\d\d:\d\d(?:[.,]\d+)?`), `T[\d:.,]+`},
	{moment, regexp.MustCompile(` m=[+-]\d+\.\d+`), ` m=[+-][\d.]+`}, // Go's monotonic clock
	{moment, regexp.MustCompile(`\b1[5-9]\d{8}(?:\.\d+)?\b`), `[\d.]{10,}`},
	{moment, regexp.MustCompile(`\b1\.\d+e\+(09|12|15|18)\b`), `1[\d.]*e\+$1`},

	{location, regexp.MustCompile(`/proc/\d+`), `/proc/\d+`},
	{location, regexp.MustCompile(`/srv/understudy/\d+`), `/srv/understudy/\d+`},
	{location, regexp.MustCompile(`\bunderstudy__\d+_\d+`), `understudy__\d+_\d+`},
	{location, regexp.MustCompile(`(/(?:tmp|var/tmp|dev/shm|run)/)[\w.+-]*\d[\w.+-]*`), `$1[\w.+-]+`},
	{location, regexp.MustCompile(`\btmp([._]?)[A-Za-z0-9_]{6,10}\b`), `tmp$1\w+`},
	{location, regexp.MustCompile(`((?:\b\d{1,3}(?:\.\d{1,3}){3}|\blocalhost|\[::1?\]|://[^/:\s]+):)\d{1,5}\b`), `$1\d+`},
	{location, regexp.MustCompile(`((?i:\bport)["']?[ :=]*)\d+\b`), `$1\d+`},
	{location, regexp.MustCompile(`\b((?:socket|pipe|anon_inode|inode):?\[?)\d+`), `$1\d+`},

	{process, regexp.MustCompile(ofPIDs + `\d+(?:(?:,? and |, ?| )\d+\b)+`), `$1[\d, and]+`},
	{process, regexp.MustCompile(ofPIDs + `\d+\b`), `$1\d+`},
	{process, regexp.MustCompile(`(\b(?:Process|Thread|ThreadPoolExecutor|ForkPoolWorker)-)\d+`), `$1\d+`},
	{process, regexp.MustCompile(`(\w\[)\d+(\]:)`), `$1\d+$2`}, // syslog

	{token, regexp.MustCompile(`\b0x[0-9A-Fa-f]+\b`), `0x[0-9A-Fa-f]+`},
	{token, regexp.MustCompile(`[0-9A-Fa-f]{12,}`), `[0-9A-Fa-f]{12,}`},

	{measure, regexp.MustCompile(`\b` + duration + `\b`), `\d\S*s`},
	{measure, regexp.MustCompile(`\b\d+(?:\.\d+)? (?:ns|us|µs|μs|ms|s)\b`), `[\d.]+ .?s`},
	{measure, regexp.MustCompile(`\b\d+(?:\.\d+)?( ?(?:sec|second|min|minute|hour))s?\b`), `[\d.]+$1s?`},
	{measure, regexp.MustCompile(`\b[1-9]\d*( times| octets cut\])`), `[1-9]\d*$1`}, // 0 times is no matter of timing
	{measure, regexp.MustCompile(`×\d+`), `×\d+`},
}

// piece is a part of a line: text that stays, or a match of a slot and the
// expression that stands for it.
type piece struct {
	kind kind
	text string
	open string
}

// pieces parts a line into what stays and what varies. Of matches that overlap the
// one that begins first counts.
func pieces(line string) []piece {
	type match struct {
		slot
		at []int // as FindStringSubmatchIndex gives it
	}
	var matches []match
	for _, s := range slots {
		for _, at := range s.form.FindAllStringSubmatchIndex(line, -1) {
			matches = append(matches, match{s, at})
		}
	}
	slices.SortStableFunc(matches, func(a, b match) int { return cmp.Compare(a.at[0], b.at[0]) })
	var list []piece
	stays := 0 // where the text begins that is not dealt with yet
	for _, m := range matches {
		from, to := m.at[0], m.at[1]
		if from < stays {
			continue
		}
		if from > stays {
			list = append(list, piece{text: line[stays:from]})
		}
		list = append(list, piece{m.kind, line[from:to], m.expand(line, m.at)})
		stays = to
	}
	if stays < len(line) {
		list = append(list, piece{text: line[stays:]})
	}
	return list
}

// expand is open with the groups of a match in it.
func (s slot) expand(line string, at []int) string {
	var groups []string
	for n := 1; 2*n < len(at); n++ {
		groups = append(groups, "$"+strconv.Itoa(n), quote(line[at[2*n]:at[2*n+1]]))
	}
	return strings.NewReplacer(groups...).Replace(s.open)
}
