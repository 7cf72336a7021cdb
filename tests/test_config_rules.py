"""What a configuration may not ask for: keys that need others, and say which."""

import pytest

from drr_jax import config_rules
from drr_jax.config import Config, set_key
from drr_jax.errors import InputError

REFUSED = {
    "model.drop_domains=0.5,domains=R": "expected a face and another domain beside it; domains=R",
    "model.drop_domains=0.5,domains=ST,predict=stimulus": "expected a face and another domain",
    "model.drop_domains=0.5,model.name=uda": "model.name=uda relates no domains; expected drr,",
    "model.drop_domains=0.5,model.name=late_fusion,fusion.level=probabilities": "fuses nothing",
    "model.drop_domains=1.5": "expected 0 to 1",
    "graph.stop_gradient=on,domains=R": "expected a face and another domain beside it",
    "loss.lambda_distill=1,graph.enabled=off": "expected model.name=drr, graph.enabled=true and a",
    "loss.lambda_instance=1,domains=R": "expected a face and another domain beside it",
    "loss.lambda_instance=1,contrast.enabled=off": "expected model.name=drr and contrast.enabled",
    "loss.balance=1,model.name=late_fusion": "expected model.name=drr and contrast.enabled=true",
    "loss.balance=1,domains=ST,predict=stimulus": "expected a face; domains=ST",
    "log.gradients_every=5,domains=ST,predict=stimulus": "expected a face; domains=ST",
    "data.permute_context=on,domains=R": "expected R and S, T or A beside it; domains=R",
    "data.permute_context=on,domains=VD": "expected R and S, T or A beside it; domains=VD",
    "optim.context_rate=0.1,domains=R": "optim.context_rate=0.1: expected S, T or A; domains=R",
    "domains=A": "config key domains='A'",
    "domains=STA": "did you mean RSTA",
    "domains=RSTA,model.name=uda": "model.name=uda works on RST, RS, RT, ST",
    "domains=RA,model.name=sev_net": "model.name=sev_net works on R,",
    "domains=RA,data.stimulus_lag=3": "data.stimulus_lag=3: expected S or T; domains=RA",
    "graph.top_k=2,task=expression": "graph.top_k=2: needs classes that occur together",
    "graph.normalise=row,graph.conv=cpgnn": "graph.conv=cpgnn normalises nothing",
    "graph.normalise=rows": "did you mean row",
    "graph.residual=on,graph.conv=acm": "expected graph.conv=gcn",
    "graph.residual=on,graph.width=128": "graph.width=128 to be head.embedding=256",
    "optim.patience=2": "optim.patience=2: expected selection=validation",
    "data.stimulus_lag=3,domains=R": "data.stimulus_lag=3: expected S or T; domains=R",
    "data.clips=3": "data.clips=3: expected a divisor of data.batch_size=64",
    "data.clips=4,data.records=9": "data.records=9: data.clips=4 needs data.records=0",
    "data.clips=4,data.balance=1,task=scene,predict=stimulus": "data.clips=4 needs data.balance=0",
    "model.delay=windows": "did you mean window",
    "model.delay=window,domains=RT": "model.delay=window: expected R and S; domains=RT",
    "model.delay=window,predict=fuse": "model.delay=window needs predict=reaction",
    "model.delay=window,model.name=late_fusion": "model.delay=window needs model.name=drr",
    "model.delay=window,data.stimulus_lag=3": "model.delay=window needs data.stimulus_lag=0",
    "model.delay=window,data.permute_context=on": "needs data.permute_context=false",
    "model.delay=window,data.clips=4,optim.accumulate=2": "needs optim.accumulate=1",
    "model.delay=window,encoder.bn_group=64": "model.delay=window needs encoder.bn_group=0",
    "model.delay_by=person": "model.delay=none: model.delay_by=person needs model.delay=window",
}
ALLOWED = (
    "model.drop_domains=1,graph.stop_gradient=on,loss.lambda_instance=1,loss.balance=1",
    "model.drop_domains=0.5,model.name=late_fusion,domains=VD",
    "optim.patience=2,selection=validation,optim.context_rate=0.1,data.permute_context=on",
    "graph.top_k=2,graph.normalise=row,graph.residual=on,log.gradients_every=5,domains=R",
    "model.delay=window,model.delay_by=person,data.clips=8,domains=RS,log.gradients_every=5",
    "domains=RA,optim.context_rate=0.1,data.permute_context=on,model.drop_domains=0.5",
    "domains=RSTA,model.delay=window,audio.width=8,loss.omega_audio=0.1",
    "domains=RTA,model.name=cross_domain_gcn,graph.assumption=heterophily,graph.het_form=full",
    "data.stimulus_lag=3,domains=RT,model.name=late_fusion,data.clips=8,optim.accumulate=2",
)


def made(text):
    config = Config()
    for pair in text.split(","):
        set_key(config, *pair.split("="))
    return config


@pytest.mark.parametrize("text", REFUSED)
def test_a_key_without_what_it_needs_is_refused(text):
    with pytest.raises(InputError) as error:
        config_rules.validate(made(text))
    assert str(error.value).startswith("config key ") and REFUSED[text] in str(error.value)


@pytest.mark.parametrize("text", ALLOWED)
def test_keys_that_go_together_are_taken(text):
    config_rules.validate(made(text))
