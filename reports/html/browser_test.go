package html_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/reports/html"
	"github.com/understudy-conformance/understudy/reports/internal/demo"
)

// browser starts the Chromium that UNDERSTUDY_CHROMIUM names, once a test.
// UNDERSTUDY_SCREENSHOTS names a folder that keeps a picture of every page.
func browser(t *testing.T) context.Context {
	t.Helper()
	binary := os.Getenv("UNDERSTUDY_CHROMIUM")
	if binary == "" {
		t.Skip("UNDERSTUDY_CHROMIUM does not name a chromium binary; ci/test sets it")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(binary), chromedp.NoSandbox)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, _ := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", binary, err)
	}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("stop the browser: %v", err)
		}
	})
	return ctx
}

// open is a tab with the report of a model, and what it complained about or asked for.
type open struct {
	t   *testing.T
	ctx context.Context
	url string

	mu       sync.Mutex
	messages []string
	requests []string
}

func show(t *testing.T, ctx context.Context, m verdict.Model) *open {
	t.Helper()
	path := filepath.Join(t.TempDir(), "index.html")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := html.Write(f, m); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	tab, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	p := &open{t: t, ctx: tab, url: "file://" + path}
	if err := chromedp.Listen(tab, p.hear); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(tab, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	p.do(chromedp.EmulateViewport(1280, 1400))
	return p
}

func (p *open) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		p.messages = append(p.messages, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		p.messages = append(p.messages, "console")
	case *cdplog.EventEntryAdded:
		p.messages = append(p.messages, e.Entry.Text)
	}
}

func (p *open) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience.Limit)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// ask evaluates an expression that yields a string.
func (p *open) ask(expression string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience.Limit)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return answer
}

// await waits until an expression is true.
func (p *open) await(condition string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience.Limit)
	defer cancel()
	wait := `new Promise((done) => { const look = () => (` + condition + `) ? done("yes") : requestAnimationFrame(look); look(); })`
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[string](wait, chromedp.EvalAwaitPromise)); err != nil {
		p.t.Fatalf("wait for %s: %v", condition, err)
	}
}

func (p *open) scheme(name string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *open) picture(name string) {
	p.t.Helper()
	folder := os.Getenv("UNDERSTUDY_SCREENSHOTS")
	if folder == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// quiet fails when the page complained or asked for anything but itself.
func (p *open) quiet() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.messages) > 0 {
		p.t.Errorf("the console says %q", p.messages)
	}
	for _, url := range p.requests {
		if !strings.HasPrefix(url, p.url) && !strings.HasPrefix(url, "data:") {
			p.t.Errorf("the page asked for %s", url)
		}
	}
	if len(p.requests) == 0 {
		p.t.Error("not even the page itself was requested: the watch does not work")
	}
}

func (p *open) equal(expression, want string) {
	p.t.Helper()
	if got := p.ask(expression); got != want {
		p.t.Errorf("%s is %q, want %q", expression, got, want)
	}
}

// luminance of the page's background, 0 to 255.
const background = `getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g).slice(0, 3).reduce((a, b) => a + +b, 0) / 3 > 128 ? "light" : "dark"`

func TestInABrowser(t *testing.T) {
	ctx := browser(t)
	model := demo.Model()

	t.Run("the first screen answers", func(t *testing.T) {
		p := show(t, ctx, model)
		p.scheme("light")
		p.do(chromedp.Navigate(p.url))
		p.equal(`document.querySelector(".verdict").textContent`, "Harness error")
		p.equal(`document.querySelector("#failed + table tbody").rows.length`, "7")
		p.equal(`document.querySelector(".verdict").getBoundingClientRect().bottom < innerHeight`, "true")
		p.equal(`document.querySelectorAll(".matrix [data-row]").length`, strconv.Itoa(len(model.Requirements)))
		p.picture("first-screen-light")
		p.quiet()
	})

	t.Run("every role has its column, on a narrow screen within the table", func(t *testing.T) {
		p := show(t, ctx, model)
		roles := role.Join(role.All(), " ")
		for _, width := range []int64{1280, 390} {
			p.do(chromedp.EmulateViewport(width, 844))
			p.do(chromedp.Navigate(p.url))
			p.equal(`[...document.querySelectorAll(".matrix thead .role")].map((th) => th.textContent).join(" ")`, roles)
			p.equal(`document.documentElement.scrollWidth <= innerWidth`, "true")
			p.equal(`[...document.querySelectorAll(".matrix thead .role")].every((th) => (th.scrollIntoView({inline: "end"}), th.getBoundingClientRect().right <= innerWidth))`, "true")
		}
		p.picture("narrow")
		p.quiet()
	})

	t.Run("hostile text stays text", func(t *testing.T) {
		p := show(t, ctx, model)
		p.do(chromedp.Navigate(p.url))
		p.equal(`document.body.textContent.includes("</script><script>alert(1)</script>]]><!-- <b>&amp;")`, "true")
		p.equal(`document.querySelectorAll("main script, main b[onload], main [onload]").length`, "0")
		p.equal(`/[\u202a-\u202e\u2066-\u2069\u200b\u001b]/.test(document.documentElement.outerHTML)`, "false")
		p.quiet()
	})

	t.Run("themes", func(t *testing.T) {
		p := show(t, ctx, model)
		for _, theme := range []string{"light", "dark"} {
			p.scheme(theme)
			p.do(chromedp.Navigate(p.url))
			p.equal(background, theme)
			p.do(chromedp.Click(chromedp.CSS("#theme")))
			other := map[string]string{"light": "dark", "dark": "light"}[theme]
			p.equal(background, other)
			p.do(chromedp.Navigate(p.url))
			p.equal(background, other)
			p.ask(`localStorage.clear()`)
		}
		p.do(chromedp.Navigate(p.url))
		p.picture("first-screen-dark")
		p.quiet()
	})

	t.Run("filter and link", func(t *testing.T) {
		p := show(t, ctx, model)
		p.do(chromedp.Navigate(p.url + "#?q=status:fail%20area:impersonation"))
		shown := `[...document.querySelectorAll("details.case:not([data-hidden])")].map((d) => d.id).join(" ")`
		p.equal(shown, "case=IMP-003/runner/own-user")
		p.equal(`document.querySelector("#q").value`, "status:fail area:impersonation")
		p.picture("filtered")
		p.ask(`(() => { const q = document.querySelector("#q"); q.value = "nothing has these words"; q.dispatchEvent(new Event("input")); })()`)
		p.equal(`document.querySelectorAll("[data-row]:not([data-hidden])").length`, "0")
		p.await(`location.hash === "#?q=nothing%20has%20these%20words"`)
		p.ask(`(() => { const q = document.querySelector("#q"); q.value = ""; q.dispatchEvent(new Event("input")); })()`)
		p.equal(`document.querySelectorAll("[data-row][data-hidden]").length`, "0")
		p.quiet()
	})

	t.Run("a link opens its case and unfolds the transcript", func(t *testing.T) {
		p := show(t, ctx, model)
		p.scheme("light")
		p.do(chromedp.Navigate(p.url + "#case=MSG-011/runner/xcom-across-users"))
		details := `document.getElementById("case=MSG-011/runner/xcom-across-users")`
		p.equal(details+`.open`, "true")
		p.await(details + `.querySelectorAll(".lane").length > 3`)
		p.equal(details+`.textContent.includes("ResendLoggingFD")`, "true")
		p.equal(details+`.querySelectorAll("script, [onload]").length`, "0")
		p.ask(`location.hash = "case=LIFE-005/worker/stop-leaves-nothing"`)
		p.await(`Math.abs(document.getElementById("case=LIFE-005/worker/stop-leaves-nothing").getBoundingClientRect().top) < 200`)
		p.picture("case-light")
		p.scheme("dark")
		p.picture("case-dark")
		p.quiet()
	})

	t.Run("no two labels of a lane cover each other", func(t *testing.T) {
		p := show(t, ctx, model)
		p.do(chromedp.Navigate(p.url))
		p.equal(`[...document.querySelectorAll("details[open] .track")].length > 10`, "true")
		p.equal(`[...document.querySelectorAll("details[open] .track")].flatMap((track) => {
			const boxes = [...track.querySelectorAll(".ev span")].map((s) => s.getBoundingClientRect());
			return boxes.filter((a, i) => boxes.some((b, j) => i < j && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
		}).length`, "0")
	})

	t.Run("keys", func(t *testing.T) {
		p := show(t, ctx, model)
		p.do(chromedp.Navigate(p.url))
		p.do(chromedp.KeyEvent("/"))
		p.equal(`document.activeElement.id`, "q")
		p.ask(`document.activeElement.blur()`)
		p.do(chromedp.KeyEvent("j"), chromedp.KeyEvent("j"))
		p.equal(`document.activeElement.textContent`, "IMP-003")
		p.quiet()
	})

	t.Run("without JavaScript", func(t *testing.T) {
		p := show(t, ctx, model)
		if _, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
			t.Fatal(err)
		}
		p.do(chromedp.Navigate(p.url))
		p.equal(`document.querySelector(".tools").hidden`, "true")
		p.equal(`document.querySelector(".verdict").textContent`, "Harness error")
		p.equal(`document.querySelectorAll("details.case[open]").length`, "7")
		p.equal(`document.getElementById("case=LIFE-005/worker/stop-leaves-nothing").querySelectorAll(".lane").length > 3`, "true")
		p.equal(`document.getElementById("case=MSG-011/runner/xcom-across-users").textContent.includes("understudy run --implementation")`, "true")
		p.picture("without-javascript")
		p.quiet()
	})

	t.Run("a thousand cases", func(t *testing.T) {
		p := show(t, ctx, demo.Many(1000))
		p.do(chromedp.Navigate(p.url))
		p.equal(`document.querySelectorAll("details.case").length`, "1000")
		paint := p.ask(`performance.getEntriesByName("first-contentful-paint")[0].startTime`)
		t.Logf("first paint after %s ms", paint)
		p.ask(`document.querySelectorAll("details.case")[999].open = true`)
		p.await(`document.querySelectorAll("details.case")[999].querySelectorAll(".lane").length > 3`)
		p.quiet()
	})

	t.Run("axe finds nothing serious", func(t *testing.T) {
		axe := os.Getenv("UNDERSTUDY_AXE")
		if axe == "" {
			t.Skip("UNDERSTUDY_AXE does not name axe.min.js of axe-core")
		}
		source, err := os.ReadFile(axe)
		if err != nil {
			t.Fatal(err)
		}
		for _, theme := range []string{"light", "dark"} {
			p := show(t, ctx, model)
			p.scheme(theme)
			p.do(chromedp.Navigate(p.url))
			p.do(chromedp.Evaluate[chromedp.Void](string(source)))
			run, cancel := context.WithTimeout(p.ctx, patience.Limit)
			defer cancel()
			found, err := chromedp.Run(run, chromedp.Evaluate[[]string](
				`axe.run().then((r) => r.violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => v.id + ": " + v.nodes.slice(0, 3).map((n) => n.target + " " + n.failureSummary).join("; ")))`,
				chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatal(err)
			}
			for _, violation := range found {
				t.Errorf("%s: %s", theme, violation)
			}
		}
	})
}
