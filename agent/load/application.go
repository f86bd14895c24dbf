package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// maxApplication bounds what is read of an application's answer, in bytes.
const maxApplication = 4096

// appHTTP asks the application for its load by HTTP.
type appHTTP struct {
	url    string
	client *http.Client
}

func newAppHTTP(url string, client *http.Client) appHTTP {
	if client == nil {
		client = &http.Client{
			Timeout: time.Second,
			// A local question: the environment's proxy has no part in it.
			Transport: &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute},
		}
	}
	return appHTTP{url, client}
}

func (a appHTTP) read(ctx context.Context, _ time.Time, s *Sample) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, nil)
	if err != nil {
		return fmt.Errorf("ask the application: %w", err)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the application: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxApplication))
	if err != nil {
		return fmt.Errorf("read %s: %w", a.url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: status %s, want 200", a.url, resp.Status)
	}
	v, err := answer(resp.Header.Get(pool.LoadHeader), body)
	if err != nil {
		return fmt.Errorf("GET %s: %w", a.url, err)
	}
	s.Application = &v
	return nil
}

// answer reads the load from the header if it tells, else from the body.
func answer(header string, body []byte) (float64, error) {
	if header != "" {
		v, err := pool.ParseLoadHeader(header)
		if !errors.Is(err, pool.ErrNoLoad) {
			return v, err
		}
	}
	return parseApplication(string(body))
}

// appFile is a file in which the application keeps its load.
type appFile string

func (path appFile) read(_ context.Context, _ time.Time, s *Sample) error {
	f, err := os.Open(string(path))
	if err != nil {
		return fmt.Errorf("read the application's load: %w", err)
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, maxApplication))
	if err != nil {
		return fmt.Errorf("read the application's load: %w", err)
	}
	v, err := parseApplication(string(body))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	s.Application = &v
	return nil
}

// parseApplication reads a plain number, or the field load of a JSON object.
func parseApplication(text string) (float64, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") {
		var body struct {
			Load *float64 `json:"load"`
		}
		if err := json.Unmarshal([]byte(text), &body); err != nil {
			return 0, fmt.Errorf("application load: %w", err)
		}
		if body.Load == nil {
			return 0, errors.New(`application load: the JSON object has no "load"`)
		}
		return inRange(*body.Load)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf(`application load: %.40q is neither a number nor {"load": NUMBER}`, text)
	}
	return inRange(v)
}

func inRange(v float64) (float64, error) {
	if math.IsNaN(v) || v < 0 || v > pool.MaxLoad {
		return 0, fmt.Errorf("application load: %v is not within 0 and %d", v, pool.MaxLoad)
	}
	return v, nil
}
