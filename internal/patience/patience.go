// Package patience says how long tests wait for what is to happen.
package patience

import "time"

// Limit is what a test waits at most for something that is to happen at once. It only
// keeps a test that fails from hanging: on a machine with many times more to do than
// processors everything takes that much longer, and nothing follows from that. A time
// that a requirement names is no case for it.
const Limit = 3 * time.Minute
