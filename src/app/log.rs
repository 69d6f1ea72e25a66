//! One line in the log for each request, with a number that ties together everything said while it was answered.
//! Query strings stay out: they hold filters, and filters hold people.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::{Error, HttpMessage};
use std::time::Instant;
use tracing::{Span, field};
use tracing_actix_web::{RequestId, RootSpanBuilder, TracingLogger};

/// The layer that writes the log.
pub fn requests() -> TracingLogger<Line> {
    TracingLogger::new()
}

pub struct Line;

struct Started(Instant);

impl RootSpanBuilder for Line {
    fn on_request_start(req: &ServiceRequest) -> Span {
        let number = req.extensions().get::<RequestId>().map(field::display).map(|id| id.to_string());
        req.extensions_mut().insert(Started(Instant::now()));
        tracing::info_span!("request", method = %req.method(), path = req.path(), number)
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        let _inside = span.enter();
        match outcome {
            Ok(answer) => {
                let ms = answer.request().extensions().get::<Started>().map(|started| started.0.elapsed().as_millis());
                let ms = ms.and_then(|ms| u64::try_from(ms).ok());
                let status = answer.status().as_u16();
                match answer.request().path().starts_with("/static/") || answer.request().path().ends_with("z") {
                    true => tracing::debug!(status, ms, "answered"),
                    false => tracing::info!(status, ms, "answered"),
                }
            }
            Err(error) => {
                let status = error.as_response_error().status_code().as_u16();
                tracing::info!(status, %error, "refused");
            }
        }
    }
}
